//! What a real run tells a recorder of metrics.

use metrics::{SharedString, Unit};
use metrics_util::CompositeKey;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use migrate::{Phase, Plan, metrics as names};

use crate::database;
use crate::observed::{self, run};
use crate::passes::alone;

mod plans {
    migrate::plan! { pub mod cents; stage dual_write; table sale (id: bigint) {
        total: text not null => total_cents: bigint not null {
            up round(total::numeric * 100)::bigint; down (total_cents / 100.0)::text; lossy "the spelling goes";
        }
    } }
}

const PLAN: &Plan = &plans::cents::PLAN;

/// A metric, and its values: of a counter since the last look.
struct Metric {
    name: String,
    step: Option<String>,
    values: Vec<f64>,
}

struct Found(Vec<Metric>);

impl Found {
    fn of(snapshotter: &Snapshotter) -> Found {
        let metric = |(key, _, _, value): (CompositeKey, Option<Unit>, Option<SharedString>, DebugValue)| {
            let step = key.key().labels().find(|label| label.key() == "step").map(|label| label.value().to_owned());
            let values = match value {
                DebugValue::Counter(count) => vec![count as f64],
                DebugValue::Gauge(value) => vec![value.into_inner()],
                DebugValue::Histogram(values) => values.into_iter().map(f64::from).collect(),
            };
            Metric { name: key.key().name().to_owned(), step, values }
        };
        Found(snapshotter.snapshot().into_vec().into_iter().map(metric).collect())
    }

    /// The values of a metric, of one step or of all.
    fn all(&self, name: &str, step: Option<&str>) -> Vec<f64> {
        let named =
            self.0.iter().filter(|metric| metric.name == name && (step.is_none() || metric.step.as_deref() == step));
        named.flat_map(|metric| metric.values.iter().copied()).collect()
    }

    fn sum(&self, name: &str, step: Option<&str>) -> f64 {
        self.all(name, step).iter().sum()
    }
}

#[test]
fn a_run_is_measured_from_its_first_step_to_its_closed_gate() {
    let (_server, database) = alone();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE sale (id bigint PRIMARY KEY, total text NOT NULL, filler text) WITH (autovacuum_enabled = off); \
         INSERT INTO sale SELECT g, g || '.25', repeat('x', 150) FROM generate_series(1, 30000) g; \
         UPDATE sale SET total = 'dear' WHERE id = 7",
    );
    run(&mut client, "VACUUM ANALYZE sale");
    let blocks: f64 = observed::value(&mut client, "SELECT pg_relation_size('sale') / 8192").parse().expect("a number");
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let (fill, compare) = (Some("backfill public.sale"), Some("verify public.sale"));
    metrics::with_local_recorder(&recorder, || {
        let migrator = database::migrator(PLAN);
        let report = migrator.run(&mut client).expect("a run");
        let found = Found::of(&snapshotter);
        assert_eq!(found.sum(names::ROWS, fill), 29_999.0, "{report}");
        let batches = found.sum(names::BATCHES, fill);
        let times = found.all(names::BATCH_SECONDS, fill);
        assert_eq!(times.len() as f64, batches);
        assert!(batches > 3.0 && times.iter().all(|took| *took > 0.0 && *took < 60.0), "{times:?}");
        assert_eq!(found.all(names::BLOCKS, fill), [blocks]);
        assert_eq!(found.all(names::BLOCKS_DONE, fill), [blocks]);
        let (updates, hot) = (found.sum(names::UPDATES, fill), found.sum(names::HOT_UPDATES, fill));
        assert!(updates > 20_000.0 && hot > updates / 3.0 && hot < updates, "{hot} of {updates}");
        assert_eq!(found.sum(names::STEPS, None), report.plans[0].done.len() as f64, "{report}");
        assert_eq!((found.sum(names::CLOSED_GATES, None), found.sum(names::FAILED_ROWS, None)), (1.0, 1.0));
        assert_eq!((found.sum(names::LEADS, None), found.sum(names::LEADING, None)), (1.0, 0.0));
        let held = found.all(names::LOCK_HOLD_SECONDS, None);
        assert!(!held.is_empty() && held.len() as f64 <= found.sum(names::LOCK_TRIES, None), "{held:?}");

        run(&mut client, "UPDATE sale SET total = '7.25' WHERE id = 7");
        let report = migrator.advance(&mut client, PLAN, Phase::Switch).expect("a switch");
        assert!(report.is_complete(), "{report}");
        let found = Found::of(&snapshotter);
        assert_eq!((found.sum(names::CLOSED_GATES, None), found.sum(names::FAILED_ROWS, None)), (0.0, 0.0));
        assert_eq!(found.sum(names::ROWS, compare), 30_000.0);
        assert_eq!(found.sum(names::STEPS, compare), 1.0);
        assert!(found.all(names::STEP_SECONDS, compare)[0] > 0.0);
    });
}
