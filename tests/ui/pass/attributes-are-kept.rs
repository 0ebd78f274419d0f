migrate::plan! {
    #[allow(clippy::all)]
    #[cfg(all())]
    /// Kept.
    pub mod change;

    stage dual_write;

    table orders {
        total: text => label: text;
    }
}

migrate::plan! {
    #[cfg(any())]
    pub mod change;

    stage dual_write;

    table orders {
        nick: text => name: text;
    }
}

fn main() {
    assert_eq!(change::orders::new::label.name(), "label");
}
