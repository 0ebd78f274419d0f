/* before */
migrate::plan! {
    /// Documented.
    // not documented
    pub mod change; // the name

    stage dual_write; /* the stage */

    /// A table.
    table orders (/* the key */ id: bigint) {
        /// A change.
        note: text /* old */ => /* new */ remark: text;
        /** A block. */
        nick: text => name: text;
    }
}

fn main() {}
