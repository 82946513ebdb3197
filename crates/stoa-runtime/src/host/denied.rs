//! Imports of a dependency that its user does not share. They are renamed before the dependency is composed
//! (`component.rs`). Here every function under such a name returns an error or nothing, so a grant of the user is never
//! used.
use std::borrow::Cow;

use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};
use wasmtime::component::{Component, Linker, ResourceType, Val};
use wasmtime::{Result, StoreContextMut, bail};

use super::state::HostState;

const PREFIX: &str = "denied-";

/// Names of error cases that mean "denied". The first one that an error type has is used.
const REFUSALS: [&str; 4] = ["access-denied", "HTTP-request-denied", "undefined", "other"];

/// The name of `import` once it is denied.
pub(crate) fn name(import: &str) -> String {
    format!("{PREFIX}{import}")
}

pub(crate) fn is_name(import: &str) -> bool {
    import.starts_with(PREFIX)
}

/// `linker`, with such a function for each denied import of `component`.
pub(crate) fn linker<'l>(
    linker: &'l Linker<HostState>,
    component: &Component,
) -> Result<Cow<'l, Linker<HostState>>> {
    let mut linker = Cow::Borrowed(linker);
    let engine = component.engine();
    let ty = component.component_type();
    // Resources defined by other interfaces. An interface that only uses such a resource does not define it.
    let mut known: Vec<ResourceType> = Vec::new();
    for (import, item) in ty.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        let denied = is_name(import);
        for (name, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::Resource(resource) if !known.contains(&resource) => {
                    known.push(resource);
                    if denied {
                        let mut instance = linker.to_mut().instance(import)?;
                        instance.resource(name, ResourceType::host::<Never>(), |_, _| Ok(()))?;
                    }
                }
                ComponentItem::ComponentFunc(_) if denied => {
                    let interface = import.strip_prefix(PREFIX).unwrap_or(import).to_owned();
                    let function = name.to_owned();
                    let mut instance = linker.to_mut().instance(import)?;
                    instance.func_new_async(name, move |store, ty, parameters, results| {
                        let (interface, function) = (interface.clone(), function.clone());
                        Box::new(async move {
                            refuse(store, &interface, &function, &ty, parameters, results).await
                        })
                    })?;
                }
                _ => {}
            }
        }
    }
    Ok(linker)
}

/// A resource without values.
enum Never {}

async fn refuse(
    mut store: StoreContextMut<'_, HostState>,
    interface: &str,
    function: &str,
    ty: &ComponentFunc,
    parameters: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let named = parameters.first().and_then(|parameter| match parameter {
        Val::String(text) => Some(text.as_str()),
        _ => None,
    });
    for parameter in parameters {
        if let Val::Resource(resource) = parameter
            && resource.owned()
        {
            resource.resource_drop_async(&mut store).await?;
        }
    }
    for (result, ty) in results.iter_mut().zip(ty.results()) {
        *result = match ty {
            // The environment, and the folders that are open for the component.
            Type::List(_) => Val::List(Vec::new()),
            Type::Option(_) => Val::Option(None),
            Type::Result(ty) => {
                let component = store.data().component();
                tracing::warn!(
                    component,
                    interface,
                    function,
                    "refused to a dependency: its user does not share it (inherit_configuration)"
                );
                let error = ty.err().and_then(|ty| refusal(&ty, interface, named));
                Val::Result(Err(error.map(Box::new)))
            }
            _ => bail!("{interface} {function} is not shared with this dependency"),
        };
    }
    Ok(())
}

/// A value of an error type that means "denied".
fn refusal(ty: &Type, interface: &str, named: Option<&str>) -> Option<Val> {
    match ty {
        Type::Variant(variant) => REFUSALS.into_iter().find_map(|refusal| {
            let case = variant.cases().find(|case| case.name == refusal)?;
            let payload = case.ty.map(|_| match refusal {
                "undefined" => named.unwrap_or(interface).to_owned(),
                _ => format!("{interface} is not shared with this dependency"),
            });
            let payload = payload.map(|text| Box::new(Val::String(text)));
            Some(Val::Variant(refusal.to_owned(), payload))
        }),
        Type::Enum(cases) => REFUSALS.into_iter().find_map(|refusal| {
            let found = cases.names().any(|name| name == refusal);
            found.then(|| Val::Enum(refusal.to_owned()))
        }),
        _ => None,
    }
}
