migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        letter: integer not null => sign: text not null {
            up   chr(letter);
            down ascii(sign);
            lossy "not every number is a character";
        }
    }
}

fn main() {}
