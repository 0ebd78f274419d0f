//! A step's work as an array of text, for the journal.

use migrate_plan::{LockMode, Side, SyncChange, Work};

/// Writes work down, with its statements in full.
pub(super) fn encode(work: &Work, full: Vec<String>) -> Vec<String> {
    match work {
        Work::Nothing => vec!["nothing".to_owned()],
        Work::Statement(sql) => vec!["statement".to_owned(), sql.to_string()],
        Work::Backfill { table } => vec!["backfill".to_owned(), table.to_string()],
        Work::Verify { table } => vec!["verify".to_owned(), table.to_string()],
        Work::Authority(side) => vec!["authority".to_owned(), side.to_string()],
        Work::Transaction { table, lock, sync, .. } => {
            let head = ["transaction", &table.to_string(), lock.as_str(), sync.as_str()].map(str::to_owned);
            head.into_iter().chain(full).collect()
        }
    }
}

/// Reads it again; nothing where a newer library has written what this one does not know.
pub(super) fn decode(words: &[String]) -> Option<Work> {
    let (kind, rest) = words.split_first()?;
    Some(match (kind.as_str(), rest) {
        ("nothing", []) => Work::Nothing,
        ("statement", [sql]) => Work::Statement(sql.clone().into()),
        ("backfill", [table]) => Work::Backfill { table: table.parse().ok()? },
        ("verify", [table]) => Work::Verify { table: table.parse().ok()? },
        ("authority", [side]) => Work::Authority(side_of(side)?),
        ("transaction", [table, lock, sync, statements @ ..]) => Work::Transaction {
            table: table.parse().ok()?,
            lock: lock_of(lock)?,
            sync: sync_of(sync)?,
            statements: statements.iter().map(|sql| sql.clone().into()).collect(),
        },
        _ => return None,
    })
}

pub(crate) fn side_of(word: &str) -> Option<Side> {
    [Side::Old, Side::New].into_iter().find(|side| side.as_str() == word)
}

fn lock_of(word: &str) -> Option<LockMode> {
    use LockMode as L;
    [L::AccessShare, L::RowExclusive, L::ShareUpdateExclusive, L::AccessExclusive]
        .into_iter()
        .find(|mode| mode.as_str() == word)
}

fn sync_of(word: &str) -> Option<SyncChange> {
    use SyncChange as S;
    [S::Keep, S::Install, S::Tighten, S::Loosen, S::Remove, S::Retire, S::Unretire]
        .into_iter()
        .find(|change| change.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_survives_the_journal() {
        let all = [
            Work::Nothing,
            Work::Statement("ALTER TABLE x".into()),
            Work::Backfill { table: 2 },
            Work::Verify { table: 0 },
            Work::Authority(Side::New),
            Work::Transaction {
                table: 1,
                lock: LockMode::AccessExclusive,
                sync: SyncChange::Retire,
                statements: vec!["A".into(), "B".into()],
            },
        ];
        for work in all {
            assert_eq!(decode(&encode(&work, vec!["A".to_owned(), "B".to_owned()])), Some(work));
        }
        assert_eq!(decode(&["teleport".to_owned()]), None);
    }
}
