//! One process of the shop.

use std::error::Error;
use std::io;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use migrate::{Service, Side};
use postgres::{Client, Config, NoTls};

use crate::builds::{Build, PLAN};
use crate::ledger::Ledger;
use crate::lines::{FromShop, ToShop, read_lines, say};
use crate::orders::{Deed, Seed};
use crate::start;
use crate::trade::{Trader, Trouble};

/// Between two statements, so that four shops leave half of two processors to the database.
const THINK: Duration = Duration::from_micros(900);

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
    let service = match start::migrator("shop", arguments.build).start(&*arguments.url) {
        Ok(service) => service,
        Err(error) => {
            say(&FromShop::Refused(error.to_string()));
            return Ok(());
        }
    };
    let name = service.application_name();
    let client = connect(arguments, &name)?;
    say(&FromShop::Ready { name });
    let orders = listen();
    let mut ledger = Ledger::new(Seed { rows: arguments.rows }, arguments.slot);
    while let Ok(ToShop::Take(entry)) = orders.recv() {
        ledger.take(entry);
    }
    let mut shop = Shop::new(Trader::new(client, arguments.build, ledger), service);
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

/// Opens the shop's pool, of one session: the name says whose it is.
fn connect(arguments: &Arguments, name: &str) -> Result<Client, Box<dyn Error>> {
    let mut config: Config = arguments.url.parse()?;
    Ok(config.application_name(name).connect(NoTls)?)
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
    /// Its role has rights on the table only, so that it follows and never does a step.
    service: Service,
    /// The side that the driver was told of.
    told: Option<Side>,
    reported: Instant,
}

impl Shop {
    fn new(trader: Trader, service: Service) -> Shop {
        Shop { trader, service, told: None, reported: Instant::now() }
    }

    /// Code at `stage dual_write` asks which side to use. Other builds know.
    fn follow(&mut self) {
        if self.trader.build != Build::DualWrite {
            return;
        }
        let side = self.service.side(PLAN);
        if self.told.replace(side) != Some(side) {
            say(&FromShop::Follows { new: side == Side::New });
        }
        self.trader.side = side;
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

    /// Leaves the list of instances, and hands everything to whoever takes the slot over.
    fn close(self) {
        let Trader { client, took, ledger, .. } = self.trader;
        // A session that outlives its instance would be one that nobody answers for.
        drop(client);
        self.service.stop();
        say(&FromShop::Took(took));
        ledger.entries().for_each(|entry| say(&FromShop::Give(entry)));
        say(&FromShop::Closed);
    }
}

/// `42703 Change: column "total" does not exist`
fn told(deed: Deed, error: &postgres::Error) -> String {
    let code = error.code().map_or("connection", |code| code.code());
    let message = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    format!("{code} {deed:?}: {message}")
}
