migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        note: text => remark: text;
    }

    table order_lines {
        note: text => remark: text;
    }

    table shop.customers (id: bigint, country: text not null) {
        name: text not null => full_name: text not null;
        zip: text => postal_code: text;
    }
}

fn main() {
    assert_eq!(change::orders::new::remark.table(), "orders");
    assert_eq!(change::order_lines::new::remark.table(), "order_lines");
    assert_eq!(change::customers::new::full_name.schema(), "shop");
}
