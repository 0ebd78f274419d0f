//! Random interleavings of statements of every kind, before, during and after every phase, against the
//! model: what each statement leaves in its rows, and what each phase leaves in all of them.

mod statement;
mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use migrate::testing::ScratchDatabase;
use migrate::{Closed, Event, Migrator, Phase};
use postgres::Client;
use proptest::test_runner::{Config as Runs, TestCaseError, TestRunner};

use self::statement::{Action, Case, Place, Statement, case};
use self::world::World;
use crate::configs::{self, Config};
use crate::database;
use crate::model::Answers;

/// Runs a case in a fresh schema.
fn check(database: &ScratchDatabase, config: Config, answers: &Answers, case: &Case) -> Result<usize, String> {
    let mut client = database.connect().map_err(|error| error.to_string())?;
    client
        .batch_execute(
            "DROP SCHEMA IF EXISTS migrate CASCADE; DROP TABLE IF EXISTS public.item, public.parent CASCADE; \
             DROP FUNCTION IF EXISTS public.lower_cased()",
        )
        .map_err(|error| error.to_string())?;
    database::create_item(&mut client, &config, case.partitioned);
    let version: i32 = client
        .query_one("SELECT current_setting('server_version_num')::int", &[])
        .map_err(|error| error.to_string())?
        .get(0);
    let plan = (config.plan)();
    let world = Arc::new(Mutex::new(World {
        parents: config.old.iter().flatten().map(|key| (*key).to_owned()).collect(),
        client: database.connect().map_err(|error| error.to_string())?,
        conversions: database.connect().map_err(|error| error.to_string())?,
        answers: Arc::clone(answers),
        rows: BTreeMap::new(),
        place: Place::Before,
        enforced: false,
        partitioned: case.partitioned,
        has_merge: version >= 150_000,
        statements: 0,
        forward: false,
        config,
    }));
    let pending: Arc<Mutex<Vec<Statement>>> = Arc::default();
    let trouble: Arc<Mutex<Option<String>>> = Arc::default();
    let migrator = observed(database::migrator(plan), &world, &pending, &trouble);
    for action in &case.actions {
        match action {
            Action::One(statement) => lock(&world).run(statement)?,
            Action::Aborted(statements) => lock(&world).aborted(statements)?,
            Action::Forward(statements) => {
                lock(&pending).clone_from(statements);
                forward(&migrator, &mut client, &world)?;
            }
            Action::Back => back(&migrator, &mut client, &world)?,
        }
        if let Some(trouble) = lock(&trouble).take() {
            return Err(trouble);
        }
        let mut world = lock(&world);
        world.compare(&format!("{action:?}"))?;
    }
    Ok(lock(&world).statements)
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A runner between whose steps and batches applications go on.
fn observed(
    migrator: Migrator,
    world: &Arc<Mutex<World>>,
    pending: &Arc<Mutex<Vec<Statement>>>,
    trouble: &Arc<Mutex<Option<String>>>,
) -> Migrator {
    let (world, pending, trouble) = (Arc::clone(world), Arc::clone(pending), Arc::clone(trouble));
    migrator.observe(move |event| {
        let mut world = lock(&world);
        if !world.forward {
            return;
        }
        match event {
            Event::StepDone { step, .. } if step.starts_with("expand ") => world.place = Place::DualWrite,
            // The partitions are filled one after the other.
            Event::Batch { step, blocks_done, blocks, .. } if step.starts_with("backfill ") => {
                let only = (blocks_done < blocks).then_some(0);
                world.fill(only);
            }
            Event::StepDone { step, .. } if step.starts_with("backfill ") => {
                world.fill(None);
            }
            // Taken back where the proof finds a row that came in empty: told by the backfill that follows.
            Event::StepDone { step, .. } if step.starts_with("require ") => world.enforced = !world.enforced,
            Event::StepDone { step: "switch", .. } => world.place = Place::Switched,
            Event::StepStarted { .. } => {}
            _ => return,
        }
        let next = lock(&pending).pop();
        if let Some(statement) = next
            && let Err(error) = world.run(&statement)
        {
            *lock(&trouble) = Some(format!("during {event:?}: {error}"));
        }
    })
}

fn forward(migrator: &Migrator, client: &mut Client, world: &Arc<Mutex<World>>) -> Result<(), String> {
    let (place, name) = (lock(world).place, "item_change");
    let plan = (lock(world).config.plan)();
    lock(world).forward = place != Place::Switched;
    let report = match place {
        Place::Before => {
            if migrator.status(client).map_err(|error| error.to_string())?.plans[0].closed.is_empty() {
                migrator.run(client)
            } else {
                migrator.release(client, name).and_then(|()| migrator.run(client))
            }
        }
        Place::DualWrite => migrator.advance(client, plan, Phase::Switch),
        Place::Switched => return Ok(()),
    }
    .map_err(|error| error.to_string())?;
    let mut world = lock(world);
    world.forward = false;
    let failed = world.fill(None);
    let reported = report.plans[0].closed.iter().find_map(|closed| match closed {
        Closed::FailedRows { count, .. } => Some(*count as usize),
        _ => None,
    });
    // Rows that do not convert close the gate, each with its key; nothing else does. As long as those fail that are known,
    // nobody looks for what came in later.
    // A nullable column has no proof to fail: what came in after the backfill is found before the switch.
    let nullable = !plan.tables[0].lenses[0].new.not_null;
    let came_in_later = nullable && world.place == Place::DualWrite && reported.is_none();
    let is_told = match reported {
        None => failed == 0,
        Some(count) => (1..=failed).contains(&count),
    };
    if !world.enforced && !came_in_later && !is_told {
        return Err(format!("{failed} rows do not convert, and the report says\n{report}"));
    }
    if reported.is_none() && !report.is_complete() {
        return Err(format!("not complete:\n{report}"));
    }
    Ok(())
}

fn back(migrator: &Migrator, client: &mut Client, world: &Arc<Mutex<World>>) -> Result<(), String> {
    let place = lock(world).place;
    match place {
        Place::Before => return Ok(()),
        Place::DualWrite => {
            migrator.revert(client, "item_change").map_err(|error| error.to_string())?;
            let mut world = lock(world);
            world.place = Place::Before;
            world.enforced = false;
            for stored in world.rows.values_mut() {
                stored.row.new = None;
            }
        }
        Place::Switched => {
            migrator.revert_to(client, "item_change", Phase::DualWrite).map_err(|error| error.to_string())?;
            lock(world).place = Place::DualWrite;
        }
    }
    Ok(())
}

#[test]
fn random_interleavings_leave_what_the_model_says() {
    let cases = 6 * database::scale();
    let mut statements = 0;
    for at in 0..configs::all().len() {
        let database = database::fresh();
        let mut runner =
            TestRunner::new(Runs { cases, failure_persistence: None, max_shrink_iters: 200, ..Runs::default() });
        let (counted, answers) = (std::cell::Cell::new(0), Answers::default());
        let outcome = runner.run(&case(), |case| {
            let config = configs::all().swap_remove(at);
            let name = config.name;
            let ran = check(&database, config, &answers, &case)
                .map_err(|error| TestCaseError::fail(format!("{name}: {error}")))?;
            counted.set(counted.get() + ran);
            Ok(())
        });
        statements += counted.get();
        if let Err(error) = outcome {
            panic!("{error}");
        }
    }
    println!("{statements} statements in {} cases", cases as usize * configs::all().len());
}
