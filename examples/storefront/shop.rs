//! The page for visitors.

use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use flagkit_core::{flag, variant};
use serde::Deserialize;

use crate::html::{attribute, text};
use crate::price;
use crate::visitor::Visitor;

/// The value of a variant of `theme`.
#[derive(Deserialize)]
struct Theme {
    accent: String,
    paper: String,
}

impl Theme {
    /// Returns the theme of the visitor's variant. Without a variant, or with an unusable value, returns the classic one.
    fn of(visitor: &Visitor) -> Self {
        let assigned = variant!("theme", visitor).and_then(|theme| theme.value().ok());
        assigned.unwrap_or_else(|| Self { accent: "#444444".to_owned(), paper: "#ffffff".to_owned() })
    }
}

/// The one page of the shop.
pub(crate) async fn page(visitor: Visitor) -> Response {
    let checkout = if flag!("new-checkout") {
        "<section id=\"checkout\" class=\"new\"><h2>New checkout</h2><p>One step, all cards.</p><button>Pay now</button></section>"
    } else {
        "<section id=\"checkout\" class=\"old\"><h2>Checkout</h2><p>Step 1 of 4.</p><button>Next</button></section>"
    };
    let search = if flag!("search-v2", &visitor) {
        "<section id=\"search\" class=\"new\"><h2>Search by meaning</h2><input placeholder=\"something warm for the feet\"></section>"
    } else {
        "<section id=\"search\" class=\"old\"><h2>Search</h2><input placeholder=\"socks\"></section>"
    };
    let gifts = if flag!("beta-ui", &visitor) {
        "<section id=\"gifts\" class=\"new\"><h2>Gift finder</h2><button>Surprise me</button></section>"
    } else {
        ""
    };
    // A stage that this build does not support must not show a stale price.
    let price = price::price().map_or_else(|_| "unavailable".to_owned(), price::as_text);
    let Theme { accent, paper } = Theme::of(&visitor);
    let page = Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Storefront</title>\
         <style>body{{font:1.1rem system-ui;max-width:40rem;margin:3rem auto}}section{{border:1px solid #ccc;\
         border-radius:.5rem;padding:0 1rem 1rem;margin:1rem 0}}.new{{border-color:{};background:{}}}</style>\
         <h1>Storefront</h1><p>You are visitor <b id=\"visitor\">{}</b>. Operators look at <a href=\"/flags\">/flags</a> and \
         <a href=\"/explain/beta-ui\">/explain</a>.</p>\
         {search}{gifts}<p>Socks: <b id=\"price\">{price}</b></p>{checkout}</html>",
        attribute(&accent),
        attribute(&paper),
        text(&visitor.id)
    ));
    if visitor.is_new {
        let cookie = format!("visitor={}; Path=/; HttpOnly; SameSite=Lax", visitor.id);
        (AppendHeaders([(SET_COOKIE, cookie)]), page).into_response()
    } else {
        page.into_response()
    }
}
