migrate::plan! { mod change; stage dual_write; table orders (id: bigint) { note: text => remark: text; total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; } } }

fn main() {}
