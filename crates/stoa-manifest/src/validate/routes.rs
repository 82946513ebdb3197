//! Routes.

use std::collections::{BTreeMap, BTreeSet};

use super::fault_at::fault;
use crate::app::{Route, RoutePath};
use crate::fault::Faults;
use crate::raw::{RawRoute, RawTrigger};
use crate::route;

/// The routes of all triggers, in the order of the file.
pub(super) fn routes(
    triggers: &[RawTrigger],
    ids: &BTreeSet<String>,
    faults: &Faults<'_>,
) -> Vec<Route> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut routes = Vec::new();
    for trigger in triggers {
        if !ids.contains(&trigger.component.value) {
            let message = format!(
                "{:?} is not a component of this file",
                trigger.component.value
            );
            fault(faults, &trigger.component, message);
        }
        let path = match &trigger.route {
            RawRoute::Private => RoutePath::Private,
            RawRoute::Public(text) => {
                if let Err(message) = route::check(&text.value) {
                    fault(faults, text, message);
                } else if let Some(first) = seen.insert(route::shape(&text.value), &text.value) {
                    fault(
                        faults,
                        text,
                        format!("route {:?} is already taken by {first:?}", text.value),
                    );
                }
                RoutePath::Public(text.value.clone())
            }
        };
        routes.push(Route {
            path,
            component: trigger.component.value.clone(),
        });
    }
    routes
}
