migrate::plan! {
    pub mod change;

    stage dual_write;

    table app.orders (id: bigint) {
        state: app.state not null => status: app.status not null {
            up   state::text::app.status;
            down status::text::app.state;
        }
    }
}

fn main() {
    let _: migrate::Column<migrate::types::UserType> = change::orders::new::status;
}
