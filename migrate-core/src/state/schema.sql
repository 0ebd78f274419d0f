-- The state of all plans of this database. Everything the runner knows is here: any instance can go on
-- from it at any time.

-- One row, and what every start of every process asks for first: without a key and a check, since a new session would have to
-- read of each of them in the catalog.
CREATE TABLE migrate.state_version (
    version integer NOT NULL,
    -- The oldest version of a library that may work with this state: builds with older libraries live on beside newer.
    compatible integer NOT NULL,
    -- Where no plan is running: all plans, each in these words: name, declaration, steps, status, side, conflicts, and the phase
    -- that it is held at or nothing. Triggers on the plans keep it.
    settled text[]
);

-- Taken for share by whoever registers, and for update by whoever closes a plan to older builds: so no older build comes
-- in between the look for older builds and what must not happen beside them.
CREATE TABLE migrate.epoch (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    number bigint NOT NULL DEFAULT 0
);
INSERT INTO migrate.epoch DEFAULT VALUES;

-- Who carries steps out. The term is the key, so that a step that holds it for key share keeps it from being raised, and
-- a beat does not wait for the step.
CREATE TABLE migrate.leader (
    term bigint PRIMARY KEY,
    pid integer,
    application text,
    instance bigint,
    took_at timestamptz,
    beat_at timestamptz,
    -- Nobody beats for a single run on a connection of the caller's; its session is all there is to judge it by.
    lease interval,
    released_at timestamptz,
    -- Every plan was looked at, and nothing can be done before this time.
    idle_until timestamptz,
    -- An operator has asked then for another look.
    asked_at timestamptz,
    -- What ended the last pass early.
    trouble text,
    -- What a step waits for, and when that was last so.
    waiting text,
    waiting_at timestamptz
) WITH (fillfactor = 50);
INSERT INTO migrate.leader (term) VALUES (0);

CREATE TABLE migrate.plan (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    -- What the plan declares, in a form that spacing and comments do not change.
    declaration text NOT NULL,
    -- How many steps it has in the journal.
    steps integer NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'finished', 'reverted')),
    -- The side that wins, and that applications should use.
    side text NOT NULL DEFAULT 'old' CHECK (side IN ('old', 'new')),
    -- The last phase that the runner may enter, where an operator has set one.
    held_at text CHECK (held_at IN ('none', 'expand', 'dual_write', 'switch', 'contract')),
    conflicts bigint NOT NULL DEFAULT 0,
    -- Builds that may use the old columns are not let in any more.
    closed_at timestamptz,
    -- What kept the plan from going on when it was last looked at, and when that was.
    waits_for text[] NOT NULL DEFAULT '{}',
    -- What hung on the old columns then.
    dependents text[] NOT NULL DEFAULT '{}',
    looked_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    switched_at timestamptz,
    retired_at timestamptz,
    finished_at timestamptz
);

-- The tables of a plan. `shape` is what of the plan stands on the table.
CREATE TABLE migrate.plan_table (
    plan bigint NOT NULL REFERENCES migrate.plan ON DELETE CASCADE,
    place integer NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    relation oid NOT NULL,
    shape text NOT NULL DEFAULT 'absent' CHECK (shape IN ('absent', 'live', 'strict', 'retired')),
    old_columns text[] NOT NULL,
    new_columns text[] NOT NULL,
    -- Those of them that get a default when the plan is finished, and have none before.
    defaulted_columns text[] NOT NULL,
    -- SQL of the jobs: what fills a row, which rows are not filled, which rows disagree.
    fill text NOT NULL,
    unfilled text NOT NULL,
    mismatch text NOT NULL,
    -- The same lens by lens, in two forms that compute the conversions in other orders.
    mismatch_each text[] NOT NULL,
    PRIMARY KEY (plan, place)
);

-- The lenses in SQL, as they were when the plan started, for each way they can stand.
CREATE TABLE migrate.part (
    plan bigint NOT NULL,
    place integer NOT NULL,
    number integer NOT NULL,
    shape text NOT NULL,
    side text NOT NULL,
    block text NOT NULL,
    descent text NOT NULL,
    update_condition text NOT NULL,
    reads text[] NOT NULL,
    writes text[] NOT NULL,
    PRIMARY KEY (plan, place, number, shape, side),
    FOREIGN KEY (plan, place) REFERENCES migrate.plan_table ON DELETE CASCADE
);

-- The journal: each step with its SQL as planned when the plan started.
CREATE TABLE migrate.step (
    plan bigint NOT NULL REFERENCES migrate.plan ON DELETE CASCADE,
    number integer NOT NULL,
    phase text NOT NULL,
    name text NOT NULL,
    summary text NOT NULL,
    probe text NOT NULL,
    work text[] NOT NULL,
    undo text[] NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'done')),
    started_at timestamptz,
    done_at timestamptz,
    PRIMARY KEY (plan, number)
);

-- Where a job is in a heap. The cursor commits together with the rows.
CREATE TABLE migrate.cursor (
    plan bigint NOT NULL REFERENCES migrate.plan ON DELETE CASCADE,
    step integer NOT NULL,
    relation oid NOT NULL,
    -- A heap is cut into lanes, each with its blocks from `first_block` up to, not including, `blocks`.
    lane integer NOT NULL DEFAULT 0,
    shown text NOT NULL,
    -- The file it was in: rewritten since, it starts over.
    filenode oid,
    first_block bigint NOT NULL DEFAULT 0,
    blocks bigint NOT NULL,
    -- The blocks of the lane before `next_block` are done. From there to `ring_end` goes the ring at hand: its rows are done in so many
    -- slices, one after the other, and of the one at hand the blocks before `slice_block`. No ring is begun where it ends
    -- where it begins.
    next_block bigint NOT NULL DEFAULT 0,
    ring_end bigint NOT NULL DEFAULT 0,
    slices integer NOT NULL DEFAULT 1,
    slice integer NOT NULL DEFAULT 0,
    slice_block bigint NOT NULL DEFAULT 0,
    -- A slice has the rows from the end of the one before up to, not including, its own: by the remainder of this column, by the
    -- last end, or by their place in the block where there is none.
    slice_by text NOT NULL DEFAULT '',
    slice_ends integer[] NOT NULL DEFAULT '{}',
    rows_done bigint NOT NULL DEFAULT 0,
    mismatches bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan, step, relation, lane)
) WITH (fillfactor = 50);

-- How a job at work gets on, as it says itself every second.
CREATE TABLE migrate.job (
    plan bigint NOT NULL REFERENCES migrate.plan ON DELETE CASCADE,
    step integer NOT NULL,
    workers integer NOT NULL,
    -- The share of the time in which each of them works.
    duty float8 NOT NULL,
    rows_per_second float8,
    blocks_per_second float8,
    -- Of the updates since the first slice of a ring; none where there are no slices.
    hot_share float8,
    -- Which signal holds it back, and what it stands still for.
    limited_by text,
    held_by text,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan, step)
) WITH (fillfactor = 50);

-- What operators have jobs keep to, of one plan or, without a name, of all. It lapses by itself where it has an end.
CREATE TABLE migrate.operator_limit (
    plan text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('pause', 'limit')),
    duty float8 CHECK (duty > 0 AND duty <= 1),
    rows_per_second float8 CHECK (rows_per_second > 0),
    workers integer CHECK (workers > 0),
    -- Infinite is no limit at all.
    replica_lag float8 CHECK (replica_lag > 0),
    set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz,
    decided_by text DEFAULT nullif(current_setting('migrate.decided_by', true), ''),
    reason text DEFAULT nullif(current_setting('migrate.reason', true), ''),
    PRIMARY KEY (plan, kind)
);

-- What the leader writes and then looks for on the replicas, to know how far they are behind.
CREATE TABLE migrate.heartbeat (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    number bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO migrate.heartbeat DEFAULT VALUES;

-- Rows that could not be converted, or whose sides disagree.
CREATE TABLE migrate.failed_row (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan bigint NOT NULL REFERENCES migrate.plan ON DELETE CASCADE,
    step integer NOT NULL,
    relation oid NOT NULL,
    shown text NOT NULL,
    key jsonb NOT NULL,
    -- The key column by column as PostgreSQL writes it, or the place of a row without a key: to find it again.
    place text[],
    -- What the conversion reads, a text for each column; null where values are not to be kept.
    value jsonb,
    sqlstate text NOT NULL,
    message text NOT NULL,
    -- Every row was looked at since: as long as one of these fails there is no need to look at all of them again.
    settled boolean NOT NULL DEFAULT false,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX failed_row_step ON migrate.failed_row (plan, step);

-- Who did what when. Rows are only ever added.
CREATE TABLE migrate.history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    plan text NOT NULL,
    event text NOT NULL,
    step text,
    statements text[],
    role text NOT NULL DEFAULT current_user,
    application text NOT NULL DEFAULT current_setting('application_name'),
    -- The instance that did it, where a service did.
    instance bigint DEFAULT nullif(current_setting('migrate.instance', true), '')::bigint,
    -- How long it took, and what the table lock cost that it needed: the time it was tried for, and who held the table.
    took interval,
    lock_waited interval,
    lock_holders text[],
    -- The person who decided it, and the reason given. A runner sets them for as long as it works.
    decided_by text DEFAULT nullif(current_setting('migrate.decided_by', true), ''),
    reason text DEFAULT nullif(current_setting('migrate.reason', true), '')
);

-- The processes of applications. A lease that has run out makes one suspect, and no more than that.
CREATE TABLE migrate.instance (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Known to the process alone: nobody else renews its lease, or ends it.
    secret uuid NOT NULL DEFAULT gen_random_uuid(),
    application text NOT NULL,
    version text NOT NULL,
    host text NOT NULL,
    process integer NOT NULL,
    role text NOT NULL DEFAULT session_user,
    -- The application_name that its sessions carry.
    tag text NOT NULL,
    -- Others that its sessions carry, by its own word.
    session_names text[] NOT NULL,
    -- The plans that it knows, each with its stage.
    plans text[] NOT NULL,
    stages text[] NOT NULL,
    lease interval NOT NULL,
    grace interval NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Stopped by itself; gone, by all evidence or by an operator's word. Seven days later it is forgotten.
    state text NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'stopped', 'gone')),
    ended_at timestamptz
) WITH (fillfactor = 50);
CREATE INDEX instance_live ON migrate.instance (application) WHERE state = 'live';
CREATE INDEX instance_ended ON migrate.instance (ended_at) WHERE state <> 'live';

-- The builds ever seen: one that was here before a plan started and does not know it is older than the plan.
CREATE TABLE migrate.build (
    application text NOT NULL,
    version text NOT NULL,
    plans text[] NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (application, version, plans)
);

-- Evidence at a gate that an operator has looked into, and that keeps it closed no more.
CREATE TABLE migrate.acknowledgement (
    plan text NOT NULL,
    evidence text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan, evidence)
);

-- Sessions of no live instance that used a plan's tables, by what they call themselves, and when the last of them did.
CREATE TABLE migrate.sighting (
    plan bigint NOT NULL REFERENCES migrate.plan ON DELETE CASCADE,
    application text NOT NULL,
    role text NOT NULL,
    used_at timestamptz NOT NULL,
    PRIMARY KEY (plan, application, role)
);

-- Statements that name an old column, as pg_stat_statements has them: the calls counted when they were last looked at,
-- those of them that came after the switch, and when a new one was last found.
CREATE TABLE migrate.statement_seen (
    plan bigint NOT NULL REFERENCES migrate.plan ON DELETE CASCADE,
    queryid bigint NOT NULL,
    shown text NOT NULL,
    calls bigint NOT NULL,
    since_switch bigint NOT NULL DEFAULT 0,
    called_at timestamptz,
    looked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan, queryid)
);

-- Every application may ask whether there is something to do, and which side to use; the rest is for the runner's role.
GRANT SELECT ON migrate.state_version TO PUBLIC;
GRANT SELECT (name, side) ON migrate.plan TO PUBLIC;
