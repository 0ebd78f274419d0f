-- What keeps the state, and what applications ask of it. All run with its owner's rights: a role that may only read and write its
-- own tables can register, renew its lease and follow.

-- Writes down where the plans are once none of them is running. Whoever starts or ends one waits here for others that do, and
-- sees in the next statement what they did: so the last of them writes what all have left.
CREATE FUNCTION migrate.settle() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    PERFORM FROM migrate.state_version FOR UPDATE;
    UPDATE migrate.state_version SET settled = (
        SELECT CASE WHEN bool_or(p.status = 'running') THEN NULL ELSE array_agg(w.word ORDER BY p.id, w.place) END
        FROM migrate.plan p
        CROSS JOIN unnest(ARRAY[p.name, p.declaration, p.steps::text, p.status, p.side, p.conflicts::text,
                                coalesce(p.held_at, '')]) WITH ORDINALITY AS w(word, place));
    RETURN NULL;
END $$;

CREATE TRIGGER settle AFTER INSERT OR DELETE ON migrate.plan FOR EACH ROW EXECUTE FUNCTION migrate.settle();
-- A plan that goes on running has let nobody write that all are settled.
CREATE TRIGGER settle_changes AFTER UPDATE ON migrate.plan FOR EACH ROW
    WHEN (OLD.status <> 'running' OR NEW.status <> 'running') EXECUTE FUNCTION migrate.settle();
-- In every session, whatever of the user's triggers is silenced in it.
ALTER TABLE migrate.plan ENABLE ALWAYS TRIGGER settle, ENABLE ALWAYS TRIGGER settle_changes;

-- The running plans of which the catalog does not show what the journal says. All are looked at together: to ask for each is
-- most of what a start costs with many plans half way.
CREATE FUNCTION migrate.unsound() RETURNS bigint[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unsound bigint[];
    done record;
    is_there boolean;
BEGIN
    -- The new columns and both sync triggers on every table, on for every session, and none of the user's after them.
    WITH RECURSIVE member(plan, oid, new_columns) AS (
        SELECT p.id, to_regclass(format('%I.%I', t.schema_name, t.table_name))::oid, t.new_columns
        FROM migrate.plan p JOIN migrate.plan_table t ON t.plan = p.id
        WHERE p.status = 'running' AND t.shape <> 'absent'
        UNION SELECT m.plan, i.inhrelid, m.new_columns FROM pg_inherits i JOIN member m ON m.oid = i.inhparent)
    SELECT coalesce(array_agg(DISTINCT m.plan), '{}') INTO unsound
    FROM member m
    WHERE m.oid IS NULL
       OR (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = m.oid AND a.attname = ANY (m.new_columns)
             AND NOT a.attisdropped) < cardinality(m.new_columns)
       OR (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = m.oid AND t.tgenabled = 'A'
             AND t.tgname IN ('~migrate_sync_i', '~migrate_sync_u')) < 2
       OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = m.oid AND NOT t.tgisinternal
             AND t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0 AND t.tgname::text COLLATE "C" > '~migrate_sync_i'
             AND t.tgname <> '~migrate_sync_u');
    -- Later steps move what earlier ones made: a retired column, a check that became a flag. What installs the sync was
    -- looked for above.
    FOR done IN
        SELECT s.plan, s.probe
        FROM migrate.plan p JOIN migrate.step s ON s.plan = p.id
        WHERE p.status = 'running' AND p.id <> ALL (unsound) AND s.state = 'done' AND s.probe <> ''
          AND NOT (s.work[1] = 'statement' OR s.work[1] = 'transaction' AND s.work[4] IN ('install', 'tighten'))
          AND NOT EXISTS (SELECT FROM migrate.step later WHERE later.plan = s.plan AND later.number > s.number
                            AND later.state = 'done' AND later.phase = 'contract')
    LOOP
        EXECUTE done.probe INTO is_there;
        IF is_there IS NOT TRUE THEN
            unsound := unsound || done.plan;
        END IF;
    END LOOP;
    RETURN unsound;
END $$;

-- The conflicts that the sequence of a running plan has counted. Whoever asks a sequence locks it, and this one may go at any
-- instant: nothing while it is being dropped, or where it just was. The next look finds its last value in the plan's row.
CREATE FUNCTION migrate.counted(plan text) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
BEGIN
    RETURN pg_sequence_last_value(to_regclass(format('migrate.%I', plan || '_conflicts')));
EXCEPTION
    -- PostgreSQL says of a relation that went between its name and its lock that this is an error of its own.
    WHEN internal_error OR undefined_table OR lock_not_available THEN
        RETURN NULL;
END $$;

-- Where the plans are that a build knows by these names, and those in flight that it does not know, which have no place.
-- To do is what is left up to the goal and up to where an operator holds the plan.
CREATE FUNCTION migrate.look(names text[], declarations text[], goals text[], soundly boolean) RETURNS TABLE (
    place bigint, name text, id bigint, status text, side text, held_at text, is_edited boolean, reached text,
    steps bigint, done bigint, left_to_do bigint, beyond bigint, is_closed boolean, is_sound boolean, waits_for text[],
    conflicts bigint, dependents text[])
-- A precaution: without statistics a query of these few rows may look expensive enough to be compiled.
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH unsound AS MATERIALIZED (
        SELECT migrate.unsound() AS plans
        WHERE look.soundly AND EXISTS (SELECT FROM migrate.plan p WHERE p.status = 'running'))
    , known AS (
        SELECT k.place, coalesce(k.name, p.name) AS name, k.declaration, k.goal, p AS row
        FROM ROWS FROM (unnest(look.names), unnest(look.declarations), unnest(look.goals))
             WITH ORDINALITY AS k(name, declaration, goal, place)
        FULL JOIN migrate.plan p ON p.name = k.name
        WHERE k.place IS NOT NULL OR p.status = 'running')
    SELECT k.place, k.name, (k.row).id, (k.row).status, (k.row).side, (k.row).held_at,
           (k.row).status <> 'reverted' AND (k.row).declaration <> k.declaration,
           CASE WHEN j.steps = 0 THEN NULL WHEN j.first_left IS NULL THEN 'contract'
                ELSE ('{expand,dual_write,switch,contract}'::text[])[j.first_left - 1] END,
           j.steps, j.done, j.left_to_do, j.beyond, (k.row).closed_at IS NOT NULL,
           ((k.row).id = ANY ((SELECT u.plans FROM unsound u)::bigint[])) IS NOT TRUE,
           CASE WHEN (k.row).status = 'running' THEN (k.row).waits_for ELSE '{}' END,
           greatest((k.row).conflicts, CASE (k.row).status WHEN 'running' THEN migrate.counted(k.name) END),
           coalesce((k.row).dependents, '{}')
    FROM known k
    CROSS JOIN LATERAL (
        SELECT count(*) AS steps, count(*) FILTER (WHERE s.state = 'done') AS done,
               min(s.number) FILTER (WHERE s.state <> 'done') AS first_left,
               count(*) FILTER (WHERE s.state <> 'done' AND s.number <= g.goal AND s.number <= g.held) AS left_to_do,
               count(*) FILTER (WHERE s.state <> 'done' AND s.number > g.goal) AS beyond
        FROM (SELECT step.state, array_position('{expand,dual_write,switch,contract}', step.phase) AS number
              FROM migrate.step WHERE step.plan = (k.row).id) s
        CROSS JOIN (SELECT array_position('{expand,dual_write,switch,contract}', k.goal) AS goal,
                           array_position('{none,expand,dual_write,switch,contract}',
                                          coalesce((k.row).held_at, 'contract')) - 1 AS held) g) j
    ORDER BY k.place, (k.row).id
$$;

-- The numbers at the front of a version, by which versions are older and newer; null for one that has none, as a commit.
CREATE FUNCTION migrate.version_number(version text) RETURNS bigint[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_to_array(ltrim(substring(version FROM '^v?[0-9]{1,18}(?:\.[0-9]{1,18})*(?![0-9a-zA-Z])'), 'v'), '.')::bigint[]
$$;

-- The plan that keeps a build of these plans out, if any, and why.
CREATE FUNCTION migrate.refusal(application text, version text, names text[], stages text[])
RETURNS TABLE (plan text, why text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.name,
           CASE WHEN k.stage IS NULL THEN 'it does not know the plan'
                ELSE format('it has the plan at stage %s', k.stage) END
           || format(', and since %s builds that may use the old columns are not served',
                     to_char(p.closed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS" UTC"'))
    FROM migrate.plan p
    LEFT JOIN ROWS FROM (unnest(refusal.names), unnest(refusal.stages)) AS k(name, stage) ON k.name = p.name
    WHERE p.closed_at IS NOT NULL AND p.status IN ('running', 'finished') AND k.stage IS DISTINCT FROM 'contract'
      AND NOT EXISTS (SELECT FROM migrate.acknowledgement a
                      WHERE a.plan = p.name AND a.evidence = 'application:' || refusal.application)
      -- A finished plan may have been deleted from the code, in a build that came after it. One is older that was here
      -- before the plan, or whose version is lower than that of every build of its application that knows the plan.
      AND (k.stage IS NOT NULL OR p.status = 'running'
           OR EXISTS (SELECT FROM migrate.build b
                      WHERE b.application = refusal.application AND b.version = refusal.version
                        AND b.plans = refusal.names AND b.seen_at < p.started_at)
           OR migrate.version_number(refusal.version) < (
                  SELECT min(migrate.version_number(b.version)) FROM migrate.build b
                  WHERE b.application = refusal.application AND p.name = ANY (b.plans)))
    ORDER BY p.id LIMIT 1
$$;

-- The instances whose end all evidence shows: the lease has run out and the grace after it, for as long as is said, their lock
-- is free, and no session carries their name. Each of the three alone may be wrong: a paused process renews nothing and lives, a
-- promoted standby knows no locks, and a pool may be empty for a while. The class of their locks is the bytes of `migi`.
CREATE FUNCTION migrate.gone(since interval) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.id FROM migrate.instance i, pg_database d
    WHERE d.datname = current_database() AND i.state = 'live' AND i.beat_at + i.lease + i.grace < clock_timestamp() - since
      AND NOT EXISTS (SELECT FROM pg_locks l
                      WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.database = d.oid
                        AND l.classid = 1835624297 AND l.objid::bigint = i.id & 2147483647)
      AND NOT EXISTS (SELECT FROM pg_stat_get_activity(NULL) a WHERE a.datid = d.oid AND a.application_name = i.tag)
$$;

-- Lets an instance in, unless a plan keeps it out. Forgets others that ended long ago; what they did stays in the history.
CREATE FUNCTION migrate.register(
    application text, version text, host text, process integer, session_names text[], names text[], stages text[],
    lease float8, grace float8,
    OUT instance bigint, OUT secret uuid, OUT tag text, OUT refused_by text, OUT why text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    build text := format('%s@%s', application, version);
    -- Long enough to look after a weekend who was there, and short enough for a few hundred starts a day.
    kept CONSTANT interval := '7 days';
    -- A gate that an instance keeps closed takes it off the list as soon as all evidence shows that it is gone. Where none asks,
    -- there is no hurry.
    missed CONSTANT interval := '1 hour';
BEGIN
    PERFORM FROM migrate.epoch FOR SHARE;
    SELECT r.plan, r.why INTO refused_by, register.why FROM migrate.refusal(application, version, names, stages) r;
    IF refused_by IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO migrate.build AS b (application, version, plans) VALUES (application, version, names) ON CONFLICT DO NOTHING;
    instance := nextval(pg_get_serial_sequence('migrate.instance', 'id'));
    tag := left(build, 62 - length(instance::text)) || '/' || instance;
    INSERT INTO migrate.instance AS i
           (id, application, version, host, process, tag, session_names, plans, stages, lease, grace)
    OVERRIDING SYSTEM VALUE
    VALUES (instance, application, version, host, process, tag, session_names, names, stages,
            make_interval(secs => lease), make_interval(secs => grace))
    RETURNING i.secret INTO register.secret;
    UPDATE migrate.instance i SET state = 'gone', ended_at = clock_timestamp()
    FROM (SELECT e.id FROM migrate.instance e WHERE e.id IN (SELECT migrate.gone(missed)) FOR UPDATE SKIP LOCKED) silent
    WHERE i.id = silent.id AND i.state = 'live' AND i.beat_at + i.lease + i.grace < clock_timestamp() - missed;
    IF EXISTS (SELECT FROM migrate.instance i WHERE i.state <> 'live' AND i.ended_at < clock_timestamp() - kept) THEN
        -- The gates tell a session that an ended instance has left over by its name. Others that come in now do the same.
        DELETE FROM migrate.instance i USING (
            SELECT e.id FROM migrate.instance e
            WHERE e.state <> 'live' AND e.ended_at < clock_timestamp() - kept
              AND NOT EXISTS (SELECT FROM pg_stat_get_activity(NULL) a WHERE a.application_name = e.tag)
            ORDER BY e.ended_at LIMIT 1000 FOR UPDATE SKIP LOCKED) ended
        WHERE i.id = ended.id;
    END IF;
END $$;

-- Renews a lease, and that of the leader where the instance leads. Nothing where the instance was ended meanwhile.
CREATE FUNCTION migrate.beat(instance bigint, secret uuid, term bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE migrate.leader l SET beat_at = clock_timestamp() WHERE l.term = beat.term AND l.instance = beat.instance;
    UPDATE migrate.instance i SET beat_at = clock_timestamp()
    WHERE i.id = beat.instance AND i.secret = beat.secret AND i.state = 'live';
    RETURN FOUND;
END $$;

-- Takes an instance off the list, as its own last word.
CREATE FUNCTION migrate.leave(instance bigint, secret uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE migrate.instance i SET state = 'stopped', ended_at = clock_timestamp()
    WHERE i.id = leave.instance AND i.secret = leave.secret AND i.state = 'live';
    -- Somebody may be waiting for just that.
    SELECT pg_notify('migrate', '')
$$;

-- Whether the leader's seat is free for the caller: nobody has the lock, and its last holder did not say that nothing can be
-- done yet. `stale` is the backend of a leader that has the lock and is not heard of any more.
CREATE FUNCTION migrate.seat(lock_key bigint, instance bigint, OUT may_lead boolean, OUT is_free boolean, OUT stale integer,
                             OUT term bigint, OUT idle_for float8, OUT trouble text, OUT is_last boolean,
                             OUT waiting text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    SELECT pg_has_role(session_user, (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'migrate'), 'USAGE'),
           holder.pid IS NULL,
           -- A beat from the future is one from before the clock was put back.
           CASE WHEN l.pid = holder.pid AND abs(extract(epoch FROM clock_timestamp() - l.beat_at)) > extract(epoch FROM l.lease)
                THEN holder.pid END,
           l.term,
           -- Whoever led last looks again first; the others only where it does not, or is not there any more.
           CASE WHEN l.took_at > clock_timestamp() THEN 0 ELSE greatest(0, extract(epoch FROM l.idle_until - clock_timestamp()
               + CASE WHEN l.instance IS DISTINCT FROM seat.instance
                       AND EXISTS (SELECT FROM migrate.instance i WHERE i.id = l.instance AND i.state = 'live')
                      THEN interval '3 s' ELSE interval '0' END)) END::float8,
           l.trouble, l.instance IS NOT DISTINCT FROM seat.instance,
           -- It is said every second for as long as it is so.
           CASE WHEN holder.pid IS NOT NULL AND clock_timestamp() - l.waiting_at < interval '5 s' THEN l.waiting END
    FROM migrate.leader l
    LEFT JOIN (SELECT k.pid FROM pg_locks k
               WHERE k.locktype = 'advisory' AND k.granted AND k.objsubid = 1
                 AND k.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                 AND k.classid::bigint = (lock_key >> 32) & 4294967295 AND k.objid::bigint = lock_key & 4294967295
               LIMIT 1) holder ON true
$$;

DO $$
DECLARE
    own regprocedure;
BEGIN
    FOR own IN SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'migrate'::pg_catalog.regnamespace LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', own);
        -- What tells them from the functions of plans.
        EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', own, 'state');
    END LOOP;
END $$;
