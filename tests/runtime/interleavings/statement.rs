//! Statements of applications, and what happens between them, as random values.

use proptest::prelude::*;

/// Rows that statements meet in; few, so that they meet often.
pub const ROWS: i64 = 6;

/// One statement of an application, in terms of places in the configuration's domain of values.
#[derive(Clone, Debug)]
pub enum Statement {
    /// `INSERT`, or `COPY`; each column given or left out.
    Insert {
        id: i64,
        old: Option<usize>,
        new: Option<usize>,
        context: usize,
        by_copy: bool,
    },
    /// `UPDATE` of any set of columns; `other` is one that no side reads.
    Update {
        id: i64,
        old: Option<usize>,
        new: Option<usize>,
        context: Option<usize>,
        other: bool,
    },
    /// `INSERT … ON CONFLICT DO UPDATE` with one side.
    Upsert {
        id: i64,
        side: bool,
        value: usize,
        context: usize,
    },
    /// `MERGE` with one side, where the server has it.
    Merge {
        id: i64,
        side: bool,
        value: usize,
        context: usize,
    },
    /// The row goes to the other partition.
    Move {
        id: i64,
    },
    /// A key that rows refer to changes: `ON UPDATE CASCADE`.
    Cascade {
        from: usize,
        to: usize,
    },
    Delete {
        id: i64,
    },
}

/// What happens next.
#[derive(Clone, Debug)]
pub enum Action {
    One(Statement),
    /// A transaction that is rolled back, with a savepoint in it.
    Aborted(Vec<Statement>),
    /// A phase forward, with statements in between its steps and batches.
    Forward(Vec<Statement>),
    /// A phase back.
    Back,
}

/// Where the plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Before,
    DualWrite,
    Switched,
}

#[derive(Clone, Debug)]
pub struct Case {
    pub partitioned: bool,
    pub actions: Vec<Action>,
}

fn statement() -> impl Strategy<Value = Statement> {
    let id = 0..ROWS;
    let value = 0..8_usize;
    let maybe = || prop::option::of(0..8_usize);
    prop_oneof![
        3 => (id.clone(), maybe(), maybe(), value.clone(), any::<bool>())
            .prop_map(|(id, old, new, context, by_copy)| Statement::Insert { id, old, new, context, by_copy }),
        5 => (id.clone(), maybe(), maybe(), maybe(), any::<bool>())
            .prop_map(|(id, old, new, context, other)| Statement::Update { id, old, new, context, other }),
        2 => (id.clone(), any::<bool>(), value.clone(), value.clone())
            .prop_map(|(id, side, value, context)| Statement::Upsert { id, side, value, context }),
        1 => (id.clone(), any::<bool>(), value.clone(), value.clone())
            .prop_map(|(id, side, value, context)| Statement::Merge { id, side, value, context }),
        1 => id.clone().prop_map(|id| Statement::Move { id }),
        1 => (value.clone(), value).prop_map(|(from, to)| Statement::Cascade { from, to }),
        1 => id.prop_map(|id| Statement::Delete { id }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        12 => statement().prop_map(Action::One),
        1 => prop::collection::vec(statement(), 1..4).prop_map(Action::Aborted),
        2 => prop::collection::vec(statement(), 0..12).prop_map(Action::Forward),
        1 => Just(Action::Back),
    ]
}

pub fn case() -> impl Strategy<Value = Case> {
    (any::<bool>(), prop::collection::vec(action(), 20..60))
        .prop_map(|(partitioned, actions)| Case { partitioned, actions })
}
