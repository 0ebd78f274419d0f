migrate::plan! {
    pub mod change;

    stage dual_write;

    table app.orders {
        total: text => label: text;
    }

    table shop.orders {
        total: text => label: text;
    }
}

fn main() {
    assert_eq!(change::app_orders::new::label.schema(), "app");
    assert_eq!(change::shop_orders::new::label.schema(), "shop");
}
