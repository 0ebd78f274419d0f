//! A plan, and what was planned: the data that the macro emits and the runtime executes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use crate::code;
use crate::ident::Qualified;
use crate::lens::Lens;
use crate::step::Step;

/// Text that points into the program where the macro wrote it there.
pub type Text = Cow<'static, str>;

/// A plan as a program holds it: what `plan!` makes.
///
/// What the runner does stands in one text constant, and is read when it is first asked for.
pub struct Plan {
    outline: Outline,
    data: &'static str,
    /// Not in the plan itself: constant expressions read no `static` that can change.
    planned: &'static OnceLock<Planned>,
}

impl Plan {
    /// For the code that `plan!` makes.
    #[doc(hidden)]
    pub const fn new(outline: Outline, data: &'static str, planned: &'static OnceLock<Planned>) -> Plan {
        Plan { outline, data, planned }
    }

    /// What plans are held against each other by while a program compiles.
    pub const fn outline(&self) -> &Outline {
        &self.outline
    }
}

/// What was planned.
impl Deref for Plan {
    type Target = Planned;

    fn deref(&self) -> &Planned {
        let read = || match code::decode(&self.outline, self.data) {
            Some(planned) => planned,
            None => panic!("the plan `{}` was not written by this version of the library", self.outline.name),
        };
        self.planned.get_or_init(read)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The plan's name, so that whatever takes a name takes the plan too.
impl AsRef<str> for Plan {
    fn as_ref(&self) -> &str {
        self.outline.name
    }
}

/// The part of a plan that constant expressions can read.
#[derive(Clone, Copy, Debug)]
pub struct Outline {
    /// The plan's name.
    pub name: &'static str,
    /// What the build declares to be ready for.
    pub stage: Stage,
    /// The declaration in a form of its own; see [`Planned::declaration`].
    pub declaration: &'static str,
    /// The [`digest`](crate::lock::digest) of the declaration: constant expressions are slow readers.
    pub digest: u64,
    /// The tables it changes.
    pub tables: &'static [TableOutline],
}

/// The names that a plan gives on one table.
#[derive(Clone, Copy, Debug)]
pub struct TableOutline {
    /// The schema.
    pub schema: &'static str,
    /// The table.
    pub name: &'static str,
    /// The columns that conversions may read beside the ones they convert.
    pub reads: &'static [&'static str],
    /// The old and the new column of each change.
    pub changes: &'static [(&'static str, &'static str)],
}

/// One schema change, planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Its identity in the database, for ever.
    pub name: Text,
    /// What the build that holds it declares to be ready for.
    pub stage: Stage,
    /// The declaration in a form of its own, without comments, spacing and stage: two plans are the
    /// same change if and only if these texts are equal.
    pub declaration: Text,
    /// The functions of the user's own that its conversions call.
    pub functions: Vec<Routine>,
    /// The tables it changes.
    pub tables: Vec<Table>,
    /// What the runner does, in this order.
    pub steps: Vec<Step>,
}

/// A function that the plan expects in the database, immutable.
#[derive(Clone, Debug, PartialEq)]
pub struct Routine {
    /// The schema.
    pub schema: Text,
    /// The name.
    pub name: Text,
    /// The types it takes, as PostgreSQL's `format_type` prints them.
    pub arguments: Vec<Text>,
    /// The type it gives.
    pub result: Text,
    /// Whether it is declared strict.
    pub strict: bool,
}

/// A table and what happens to its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The schema.
    pub schema: Text,
    /// The name.
    pub name: Text,
    /// The columns that exist before the plan, as declared: replaced ones and those that conversions read.
    pub columns: Vec<Declared>,
    /// One for each changed column.
    pub lenses: Vec<Lens>,
    /// What the plan takes for granted of the values in its columns: looked at before the first step.
    pub bounds: Vec<Bounded>,
}

/// A column whose values are said to lie between two others.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounded {
    /// The column.
    pub column: Text,
    /// The bound as it is declared.
    pub bound: Text,
    /// SQL that is true for a row whose value lies outside, and not for null.
    pub outside: Text,
}

impl Planned {
    /// The number of the first change of a table, counted from 1 over all tables.
    pub(crate) fn first_change(&self, table: usize) -> usize {
        1 + self.tables.iter().take(table).map(|table| table.lenses.len()).sum::<usize>()
    }
}

impl Table {
    /// The qualified name; `Display` quotes it.
    pub fn qualified(&self) -> Qualified<'_> {
        Qualified { schema: &self.schema, name: &self.name }
    }

    /// `public.orders`, for names and people.
    pub fn shown(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// A column that the plan expects on the live table.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// The name.
    pub name: Text,
    /// The type, as PostgreSQL's `format_type` prints it.
    pub ty: Text,
    /// Whether it is `NOT NULL`.
    pub not_null: bool,
    /// The default, as SQL; only what replaced columns declare is compared with the live table.
    pub default: Option<Text>,
}

/// The four phases, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The new shape appears, and is written from its first instant.
    Expand,
    /// Both shapes are filled and kept equal.
    DualWrite,
    /// The new side wins from here on.
    Switch,
    /// The old shape goes away.
    Contract,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Phase; 4] = [Phase::Expand, Phase::DualWrite, Phase::Switch, Phase::Contract];

    /// The word for it in plans, state and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Expand => "expand",
            Phase::DualWrite => "dual_write",
            Phase::Switch => "switch",
            Phase::Contract => "contract",
        }
    }
}

/// What a build declares it is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The code can use both sides, and asks which.
    DualWrite,
    /// The code uses the new side only.
    Switch,
    /// The code knows the new side only.
    Contract,
}

impl Stage {
    /// The word for it in plans, state and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::DualWrite => "dual_write",
            Stage::Switch => "switch",
            Stage::Contract => "contract",
        }
    }

    /// The last phase that the runner enters by itself for a build at this stage.
    pub const fn last_phase(self) -> Phase {
        match self {
            Stage::DualWrite => Phase::DualWrite,
            Stage::Switch => Phase::Switch,
            Stage::Contract => Phase::Contract,
        }
    }
}

/// The two shapes that live side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The shape before the plan.
    Old,
    /// The shape after it.
    New,
}

impl Side {
    /// The word for it in state and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Side::Old => "old",
            Side::New => "new",
        }
    }
}

macro_rules! display_as_str {
    ($($ty:ty),*) => {$(
        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

pub(crate) use display_as_str;

display_as_str!(Phase, Stage, Side);
