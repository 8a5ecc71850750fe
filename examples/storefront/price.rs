//! The price of the shop's socks, which moves from a text to a number of cents.
//!
//! Set `stage` in the flag file to the next stage, one at a time. Each page shows the same price at each stage.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Mutex;

use axum::extract::Query;
use axum::http::StatusCode;
use flagkit_core::migration;
use flagkit_sources::ShadowPool;
use serde::Deserialize;

migration! {
    /// Prices are kept in cents, because sums of texts such as `12.50` need parsing and rounding.
    pub(crate) static PRICE_IN_CENTS: "price-in-cents", range = Full, start = Off
}

/// The two columns. A real shop has them in a database, and copies the old one to the new one after `dual-write`.
static AS_TEXT: Mutex<Cow<'static, str>> = Mutex::new(Cow::Borrowed("12.50"));
static IN_CENTS: Mutex<u32> = Mutex::new(1250);

/// Held for both writes, so that two writers reach the two columns in the same order. A database has row locks for this.
static WRITER: Mutex<()> = Mutex::new(());

static SHADOWS: ShadowPool = ShadowPool::new();

/// Returns the price in cents.
pub(crate) fn price() -> Result<u32, Box<dyn Error>> {
    PRICE_IN_CENTS
        .plan()?
        .read(read_text, read_cents)
        .compare(|old, new| old == new)
        .run(|shadow| SHADOWS.spawn(shadow))
}

/// The query of a new price.
#[derive(Deserialize)]
pub(crate) struct NewPrice {
    cents: u32,
}

/// Sets the price.
pub(crate) async fn set(Query(NewPrice { cents }): Query<NewPrice>) -> Result<(), (StatusCode, String)> {
    let plan = PRICE_IN_CENTS.plan().map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let _turn = WRITER.lock();
    plan.write(|| write_text(cents), || write_cents(cents))
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

/// Prints a price as the old column has it.
pub(crate) fn as_text(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn read_text() -> Result<u32, Box<dyn Error>> {
    Ok(AS_TEXT.lock()?.replace('.', "").parse()?)
}

fn read_cents() -> Result<u32, Box<dyn Error>> {
    Ok(*IN_CENTS.lock()?)
}

fn write_text(cents: u32) -> Result<(), Box<dyn Error>> {
    *AS_TEXT.lock()? = as_text(cents).into();
    Ok(())
}

fn write_cents(cents: u32) -> Result<(), Box<dyn Error>> {
    *IN_CENTS.lock()? = cents;
    Ok(())
}
