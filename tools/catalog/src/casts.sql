SELECT s.typname || ' ' || t.typname || ' ' || c.castcontext::text || ' '
       || CASE WHEN c.castmethod = 'f' THEN p.provolatile::text || CASE WHEN p.proisstrict THEN '!' ELSE '' END
               WHEN c.castmethod = 'b' THEN 'i!b' ELSE 'i!t' END
FROM pg_catalog.pg_cast c
JOIN pg_catalog.pg_type s ON s.oid = c.castsource
JOIN pg_catalog.pg_type t ON t.oid = c.casttarget
LEFT JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
WHERE c.castsource <> c.casttarget AND s.typtype <> 'p' AND t.typtype <> 'p'
  AND s.typname NOT LIKE 'pg\_%\_list' AND s.typname NOT IN ('pg_node_tree', 'pg_ndistinct', 'pg_dependencies')
  AND s.typname NOT LIKE 'pg\_brin%'
