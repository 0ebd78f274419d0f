//! One process of the shop.

use std::error::Error;
use std::io;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use migrate::{Migrator, Side};
use postgres::{Client, Config, NoTls};

use crate::builds::Build;
use crate::ledger::Ledger;
use crate::lines::{FromShop, ToShop, read_lines, say};
use crate::orders::{Deed, Seed};
use crate::trade::{Trader, Trouble};

/// Between two statements, so that four shops leave half of two processors to the database.
const THINK: Duration = Duration::from_micros(900);

/// Between two looks at which side to use.
const FOLLOW: Duration = Duration::from_millis(20);

/// Between two reports to the driver.
const REPORT: Duration = Duration::from_millis(50);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    url: String,
    #[arg(long)]
    build: Build,
    #[arg(long)]
    slot: i64,
    #[arg(long)]
    rows: i64,
}

/// Trades until the input ends, then hands its ledger over.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let client = connect(arguments)?;
    say(&FromShop::Ready);
    let orders = listen();
    let mut ledger = Ledger::new(Seed { rows: arguments.rows }, arguments.slot);
    while let Ok(ToShop::Take(entry)) = orders.recv() {
        ledger.take(entry);
    }
    let mut shop = Shop::new(Trader::new(client, arguments.build, ledger));
    loop {
        match orders.try_recv() {
            Ok(ToShop::Audit) => shop.audit()?,
            Ok(_) | Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => break,
        }
        shop.follow();
        shop.trade();
        shop.report();
        if shop.trader.client.is_closed() {
            return Err("the connection is closed".into());
        }
        thread::sleep(THINK);
    }
    shop.close();
    Ok(())
}

fn connect(arguments: &Arguments) -> Result<Client, Box<dyn Error>> {
    let mut config: Config = arguments.url.parse()?;
    config.application_name(&session_name(arguments.build, arguments.slot));
    Ok(config.connect(NoTls)?)
}

/// What a shop calls its session.
pub(crate) fn session_name(build: Build, slot: i64) -> String {
    format!("shop {build} {slot}")
}

/// What the parent says; disconnected when its end of the pipe is closed, however that came.
fn listen() -> Receiver<ToShop> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for order in read_lines(io::stdin().lock()) {
            if sender.send(order).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A trader, and what it tells the driver.
struct Shop {
    trader: Trader,
    migrator: Migrator,
    /// When it last asked for the side.
    followed: Option<Instant>,
    reported: Instant,
}

impl Shop {
    fn new(trader: Trader) -> Shop {
        let migrator = Migrator::new(trader.build.migrations());
        Shop { trader, migrator, followed: None, reported: Instant::now() }
    }

    /// Code at `stage dual_write` asks which side to use. Later builds know.
    fn follow(&mut self) {
        let Trader { client, build, side, .. } = &mut self.trader;
        if *build != Build::DualWrite || self.followed.is_some_and(|at| at.elapsed() < FOLLOW) {
            return;
        }
        match self.migrator.side(client, build.plan()) {
            Ok(found) => {
                if found != *side || self.followed.is_none() {
                    say(&FromShop::Follows { new: found == Side::New });
                }
                *side = found;
            }
            Err(error) => say(&FromShop::Failed(format!("asking for the side: {error}"))),
        }
        self.followed = Some(Instant::now());
    }

    fn trade(&mut self) {
        match self.trader.trade() {
            Ok(()) => {}
            Err((deed, Trouble::Wrong(what))) => say(&FromShop::Wrong(format!("{deed:?}: {what}"))),
            Err((deed, Trouble::Failed(error))) => say(&FromShop::Failed(told(deed, &error))),
        }
    }

    fn audit(&mut self) -> Result<(), postgres::Error> {
        let Trader { client, build, side, ledger, .. } = &mut self.trader;
        say(&FromShop::Audited(ledger.audit(client, *side, &build.money(*side))?));
        Ok(())
    }

    fn report(&mut self) {
        if self.reported.elapsed() >= REPORT {
            say(&FromShop::Took(std::mem::take(&mut self.trader.took)));
            self.reported = Instant::now();
        }
    }

    /// Hands everything to whoever takes the slot over.
    fn close(self) {
        say(&FromShop::Took(self.trader.took));
        self.trader.ledger.entries().for_each(|entry| say(&FromShop::Give(entry)));
        say(&FromShop::Closed);
    }
}

/// `42703 Change: column "total" does not exist`
fn told(deed: Deed, error: &postgres::Error) -> String {
    let code = error.code().map_or("connection", |code| code.code());
    let message = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    format!("{code} {deed:?}: {message}")
}
