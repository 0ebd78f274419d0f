migrate::plan! {
    pub mod change;

    stage dual_write;

    table boxes (
        tags: text[] not null,
        ids: bigint[] not null,
        hash: bytea not null,
        during: tstzrange not null,
        sizes: int4range not null,
        spans: nummultirange not null,
        host: inet not null,
        net: cidr not null,
        hardware: macaddr not null,
        bits: bit varying(8) not null,
    ) {
        amount: integer not null => amounts: integer not null {
            up   amount + cardinality(tags || array["x"] || "y"::text) + coalesce(array_position(tags, "x"), 0)
                 + coalesce(array_length(array_remove(ids, 3), 1), 0) + length(hash || "\\x00") + get_byte(hash, 0)
                 + case when 1 = any (ids) and tags && array["a"] and ids @> array[1, 2]::bigint[] then 1 else 0 end
                 + case when sizes @> 5 and sizes && "[1,10)" and not isempty(sizes * int4range(1, 5)) then 1 else 0 end
                 + coalesce(upper(sizes) - lower(sizes), 0) + coalesce(ids[1], 0)::integer
                 + case when spans @> 1.5 and during is not null and lower_inf(during) then 1 else 0 end
                 + case when host << net and host && "10.0.0.0/8" and masklen(net) > 8 then 1 else 0 end
                 + case when hardware > "08:00:2b:01:02:03" and bits = "101" and length(bits) > 1 then 1 else 0 end
                 + ascii(encode(hash, "base64"));
            down amounts;
            lossy "other values are mixed in";
        }
    }
}

fn main() {}
