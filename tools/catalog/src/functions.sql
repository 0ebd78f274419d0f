WITH name AS (
    SELECT t.oid, CASE WHEN t.typcategory = 'A' AND e.oid IS NOT NULL AND t.typname LIKE '\_%'
                       THEN e.typname || '[]' ELSE t.typname::text END AS name
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
), signature AS (
    SELECT p.proname::text AS function,
           COALESCE((SELECT string_agg(n.name, ',' ORDER BY place)
                     FROM unnest(p.proargtypes) WITH ORDINALITY AS a(type, place) JOIN name n ON n.oid = a.type), '-') AS takes,
           (SELECT n.name FROM name n WHERE n.oid = p.prorettype) AS gives,
           CASE WHEN p.prokind = 'a' THEN 'A' WHEN p.prokind = 'w' THEN 'W' WHEN p.proretset THEN 'S'
                ELSE p.provolatile::text END AS class,
           CASE WHEN p.proisstrict THEN '!' ELSE '' END || CASE WHEN p.provariadic <> 0 THEN '*' ELSE '' END
               || CASE WHEN p.pronargdefaults > 0 THEN p.pronargdefaults::text ELSE '' END AS flags
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a', 'w')
      AND NOT EXISTS (
          SELECT FROM unnest(p.proargtypes::oid[] || p.prorettype) AS a(type)
          JOIN pg_catalog.pg_type t ON t.oid = a.type
          WHERE t.typname IN ('cstring', '_cstring', 'internal', 'trigger', 'event_trigger', 'pg_ddl_command')
             OR t.typname LIKE '%\_handler')
)
SELECT function || ' ' || takes || ' ' || gives || ' ' || class || flags FROM signature WHERE class IN ('i', 's', 'v')
UNION
SELECT DISTINCT function || ' - - ' || class FROM signature s WHERE class IN ('A', 'W', 'S')
  AND NOT EXISTS (SELECT FROM signature o
                  WHERE o.function = s.function AND (o.class IN ('i', 's', 'v') OR o.class < s.class))
