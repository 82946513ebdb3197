//! Prepares a .wasm file for composition. A module is converted to a component. An import of a dependency is renamed if the
//! component that uses the dependency does not share this import (`inherit_configuration`).
use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as WASI_0_1,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wasm_encoder::reencode::{ReencodeComponent, RoundtripReencoder};
use wasm_encoder::{Component, ComponentExternName, ComponentImportSection, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::host::denied;

/// Prefix of the custom sections that describe a module's interfaces. The conversion to a component needs these sections.
const INTERFACE_SECTION_PREFIX: &str = "component-type";

/// Returns the component in a .wasm file with the content `bytes`. If the file contains a module, converts the module to a
/// component.
///
/// # Errors
/// A text such as "is not a WebAssembly component". The text continues a sentence whose subject is the file.
pub(crate) fn from_file(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let component = if Parser::is_component(bytes) {
        Cow::Borrowed(bytes)
    } else if Parser::is_core_wasm(bytes) {
        Cow::Owned(from_module(bytes)?)
    } else {
        return Err("is not a WebAssembly component".to_owned());
    };
    if let Some(name) = wasi_0_3(&component)? {
        return Err(format!(
            "is built for WASI 0.3 ({name}), but this runtime and SpinKube's shim run WASI 0.2; build it with spin-sdk 5.2"
        ));
    }
    Ok(component)
}

/// Converts a module for wasm32-wasip1 to a component, as Spin does.
fn from_module(module: &[u8]) -> Result<Vec<u8>, String> {
    let refused = |why: String| {
        format!(
            "is a module that cannot become a component: {why}; build the component for wasm32-wasip2"
        )
    };
    let mut has_interfaces = false;
    for payload in Parser::new(0).parse_all(module) {
        let payload =
            payload.map_err(|error| refused(format!("the module cannot be parsed: {error}")))?;
        if let Payload::CustomSection(section) = payload {
            has_interfaces |= section.name().starts_with(INTERFACE_SECTION_PREFIX);
        }
    }
    if !has_interfaces {
        return Err(refused(
            "the module does not have the custom section that describes its interfaces".to_owned(),
        ));
    }
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.adapter(WASI_0_1, ADAPTER))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| refused(format!("{error:#}")))
}

/// The first interface of WASI 0.3 that the component imports or exports; None if the component has no such interface.
fn wasi_0_3(component: &[u8]) -> Result<Option<String>, String> {
    let is_0_3 = |name: &str| name.starts_with("wasi:") && name.contains("@0.3.");
    for payload in top_level(component) {
        let found = match payload? {
            Payload::ComponentImportSection(imports) => imports
                .into_iter()
                .filter_map(|import| Some(import.ok()?.name.name))
                .find(|name| is_0_3(name)),
            Payload::ComponentExportSection(exports) => exports
                .into_iter()
                .filter_map(|export| Some(export.ok()?.name.name))
                .find(|name| is_0_3(name)),
            _ => None,
        };
        if found.is_some() {
            return Ok(found.map(str::to_owned));
        }
    }
    Ok(None)
}

/// Renames the imports of `component` that `denied` selects. The host rejects each call to a renamed import.
///
/// # Errors
/// If `component` is not a component.
pub(crate) fn isolate(component: &[u8], denied: impl Fn(&str) -> bool) -> Result<Vec<u8>, String> {
    let mut isolated = Component::new();
    for payload in top_level(component) {
        let payload = payload?;
        if let Payload::ComponentImportSection(imports) = payload {
            let mut section = ComponentImportSection::new();
            for import in imports {
                let import = import.map_err(|error| error.to_string())?;
                let ty = RoundtripReencoder
                    .component_type_ref(import.ty)
                    .map_err(|error| error.to_string())?;
                let mut name = ComponentExternName::from(import.name);
                if denied(import.name.name) {
                    name.name = denied::name(import.name.name).into();
                }
                section.import(name, ty);
            }
            isolated.section(&section);
        } else if let Some((id, range)) = payload.as_section() {
            let data = component
                .get(range)
                .ok_or("the component ends within a section")?;
            isolated.section(&RawSection { id, data });
        }
    }
    Ok(isolated.finish())
}

/// The sections of a component, without the sections of nested modules and components.
fn top_level(component: &[u8]) -> impl Iterator<Item = Result<Payload<'_>, String>> {
    let mut depth = 0_u32;
    Parser::new(0)
        .parse_all(component)
        .filter_map(move |payload| {
            match &payload {
                Ok(Payload::Version { .. }) => depth += 1,
                Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
                Ok(_) if depth > 1 => {}
                _ => return Some(payload.map_err(|error| error.to_string())),
            }
            None
        })
}
