SELECT t.typname || ' ' || t.typcategory::text || ' ' || COALESCE(sub.typname, multi.typname, e.typname, '-') || ' '
       || CASE WHEN 's' IN (i.provolatile::text, o.provolatile::text) THEN 's' ELSE 'i' END
       || CASE WHEN t.typispreferred THEN 'p' ELSE '' END
       || CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_opclass c JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod
                            WHERE m.amname = 'btree' AND c.opcdefault
                              AND c.opcintype = CASE t.typtype WHEN 'r' THEN 'anyrange'::regtype
                                                               WHEN 'm' THEN 'anymultirange'::regtype
                                                               ELSE CASE WHEN t.typname = 'varchar' THEN 'text'::regtype
                                                                         WHEN t.typname = 'cidr' THEN 'inet'::regtype
                                                                         WHEN t.typname LIKE 'reg%' THEN 'oid'::regtype
                                                                         ELSE t.oid END END)
               THEN 'b' ELSE '' END
       || CASE WHEN i.provolatile = 'i' THEN '' ELSE 'r' END || CASE WHEN o.provolatile = 'i' THEN '' ELSE 'w' END
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_proc i ON i.oid = t.typinput
JOIN pg_catalog.pg_proc o ON o.oid = t.typoutput
LEFT JOIN pg_catalog.pg_range x ON x.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_type sub ON sub.oid = x.rngsubtype
LEFT JOIN pg_catalog.pg_range y ON y.rngmultitypid = t.oid
LEFT JOIN pg_catalog.pg_type multi ON multi.oid = y.rngtypid
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm') AND t.typname NOT LIKE '\_%'
  AND t.typname NOT IN ('gtsvector', 'pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list')
  AND t.typname NOT LIKE 'pg\_brin%'
