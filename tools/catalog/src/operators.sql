WITH name AS (
    SELECT t.oid, CASE WHEN t.typcategory = 'A' AND e.oid IS NOT NULL AND t.typname LIKE '\_%'
                       THEN e.typname || '[]' ELSE t.typname::text END AS name
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
)
SELECT o.oprname || ' ' || COALESCE(l.name, '-') || ' ' || r.name || ' ' || g.name || ' '
       || p.provolatile::text || CASE WHEN p.proisstrict THEN '!' ELSE '' END
FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
LEFT JOIN name l ON l.oid = o.oprleft
JOIN name r ON r.oid = o.oprright
JOIN name g ON g.oid = o.oprresult
WHERE o.oprnamespace = 'pg_catalog'::regnamespace
