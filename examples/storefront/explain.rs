//! The page that shows operators every step of an evaluation. It needs no script.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, Query};
use axum::response::{Html, IntoResponse, Response};
use flagkit_core::tooling::Step;
use flagkit_core::{Explanation, Flags};
use serde::Deserialize;

use crate::html::{attribute, query, text};
use crate::operator::READ_FLAGS;
use crate::visitor::Visitor;

const STYLE: &str = "body{font:1.1rem/1.5 system-ui;max-width:50rem;margin:2rem auto;padding:0 1rem}\
    .answer{border-left:.4rem solid #555;padding:.5rem 1rem;background:#f4f4f4;color:#111}\
    .answer.on{border-color:#1b7a3d}ol{padding-left:1.5rem}li{margin:.25rem 0}label{margin-right:1rem}\
    nav ul{padding:0;display:flex;flex-wrap:wrap;gap:1rem;list-style:none}";

/// The query parameter for the format of an explanation.
#[derive(Deserialize)]
pub(crate) struct Format {
    format: Option<String>,
}

/// Returns every step of one evaluation: a page, `format=text` for a terminal, or `format=json` for a program.
pub(crate) fn page(
    flags: &Flags,
    Path(flag): Path<String>,
    visitor: &Visitor,
    Query(Format { format }): Query<Format>,
) -> Response {
    let snapshot = flags.snapshot();
    let explanation = snapshot.explain(&flag, visitor);
    match format.as_deref() {
        Some("json") => Json(explanation).into_response(),
        Some("text") => explanation.to_string().into_response(),
        _ => {
            let keys: BTreeSet<&str> = snapshot.keys().map(AsRef::as_ref).chain(READ_FLAGS).collect();
            Html(html(&explanation, visitor, keys.into_iter())).into_response()
        }
    }
}

fn html<'a>(explanation: &Explanation, visitor: &Visitor, keys: impl Iterator<Item = &'a str>) -> String {
    let key = explanation.key();
    let (state, plan) =
        (if explanation.evaluation().is_on() { "on" } else { "off" }, visitor.plan.as_deref().unwrap_or_default());
    let link = |other: &str| {
        let here = if other == key { " aria-current=\"page\"" } else { "" };
        let subject = format!("user={}&plan={}", query(&visitor.id), query(plan));
        format!("<li><a href=\"/explain/{}?{}\"{here}>{}</a></li>", query(other), attribute(&subject), text(other))
    };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{key} is {state} for {user}</title><style>{STYLE}</style></head><body>\
         <header><nav aria-label=\"Pages\"><ul><li><a href=\"/\">Shop</a></li><li><a href=\"/flags\">All flags</a></li>\
         </ul></nav></header><main><h1>Why is <code>{key}</code> {state}?</h1>\
         <p class=\"answer {state}\">{key} is {answer}</p>{refusal}\
         <h2 id=\"steps\">Steps</h2>{steps}\
         <h2 id=\"other\">Another visitor</h2><form method=\"get\" aria-labelledby=\"other\">\
         <label>User <input name=\"user\" value=\"{user_value}\"></label>\
         <label>Plan <input name=\"plan\" value=\"{plan_value}\"></label>\
         <button>Explain</button> <button name=\"format\" value=\"json\">Explain as JSON</button></form>\
         <h2 id=\"flags\">Another flag</h2><nav aria-labelledby=\"flags\"><ul>{links}</ul></nav></main></body></html>",
        key = text(key),
        user = text(&visitor.id),
        answer = text(&explanation.evaluation().to_string()),
        refusal =
            explanation.refusal().map(|reason| format!("<p>Not approved: {}</p>", text(reason))).unwrap_or_default(),
        steps = list(explanation.steps()).unwrap_or_else(|| "<p>None: the answer is the same for everyone.</p>".into()),
        user_value = attribute(&visitor.id),
        plan_value = attribute(plan),
        links = keys.map(link).collect::<String>(),
    )
}

/// Returns steps as a nested list, or `None` if there are none.
fn list(steps: &[Step]) -> Option<String> {
    let items: String = steps.iter().map(item).collect();
    (!items.is_empty()).then(|| format!("<ol>{items}</ol>"))
}

fn item(step: &Step) -> String {
    format!("<li>{}{}</li>", text(&step.to_string()), list(step.steps()).unwrap_or_default())
}
