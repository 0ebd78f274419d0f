//! The crates that are built.

/// A kind of plan; `@` stands for the number of the plan.
pub struct Shape {
    pub name: &'static str,
    pub about: &'static str,
    pub source: &'static str,
    /// Whether the bars are meant for it.
    pub has_bar: bool,
}

pub const SHAPES: [Shape; 2] = [
    // The README's.
    Shape {
        name: "one",
        about: "plans of one change",
        has_bar: true,
        source: "
migrate::plan! {
    /// Money becomes integer cents.
    pub mod orders_total_cents_@;

    stage dual_write;

    table orders_@ (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
        }
    }
}
",
    },
    Shape {
        name: "three",
        about: "plans of three changes",
        has_bar: false,
        source: "
migrate::plan! {
    pub mod customers_@;

    stage dual_write;

    table customers_@ (id: bigint, country: text not null) {
        balance: numeric(12, 2) not null default 0 => balance_cents: bigint not null default 0 {
            up   round(balance * 100)::bigint;
            down balance_cents / 100.0;
        }
        nick: text => nickname: text;
        note: text not null => remark: text {
            up   nullif(note, \"none\");
            down coalesce(remark, \"none\");
        }
    }
}
",
    },
];

/// A crate with so many plans of one kind.
pub struct Plans {
    pub shape: &'static Shape,
    pub count: usize,
}

impl Plans {
    /// The empty crate first.
    pub fn all() -> Vec<Plans> {
        let mut all = vec![Plans { shape: &SHAPES[0], count: 0 }];
        for shape in &SHAPES {
            all.extend([1, 10, 100].map(|count| Plans { shape, count }));
        }
        all
    }

    pub fn name(&self) -> String {
        format!("{}_{}", self.shape.name, self.count)
    }

    pub fn source(&self) -> String {
        (0..self.count).map(|number| self.shape.source.replace('@', &number.to_string())).collect()
    }
}

/// A crate that depends on one other, for a build from nothing. `@` stands for this repository.
pub struct Clean {
    pub about: &'static str,
    pub dependency: &'static str,
}

pub const CLEAN: [Clean; 2] = [
    // As in the workspace's own manifest.
    Clean {
        about: "syn, with `parsing`",
        dependency: "syn = { version = \"3\", default-features = false, features = [\"parsing\"] }",
    },
    Clean { about: "migrate-macros", dependency: "migrate-macros = { path = \"@/migrate-macros\" }" },
];
