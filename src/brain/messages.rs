//! How one text becomes messages within Webex's limits.

use super::{
    delivery::{Delivery, Destination},
    split,
};
use crate::definition::Format;

/// The messages of a text, in order; none for an empty one.
pub(super) fn messages(text: &str, format: Format, to: &Destination, parent: Option<&str>) -> Vec<Delivery> {
    let parts = match format {
        Format::Text => split::text(text),
        Format::Markdown => split::markdown(text),
    };
    let delivery = |(number, part): (usize, String)| {
        let (text, markdown) = match format {
            Format::Text => (Some(part), None),
            Format::Markdown => (None, Some(part)),
        };
        let parent = parent.map(str::to_owned);
        Delivery { text, markdown, parent, continues: number > 0, ..Delivery::to(to.clone()) }
    };
    parts.into_iter().enumerate().map(delivery).collect()
}
