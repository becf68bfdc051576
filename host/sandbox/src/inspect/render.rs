//! Writes component types as text: structural, so that two types are the same exactly when their texts are.

use std::collections::HashMap;
use std::fmt::Write as _;

use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentEntityType, ComponentFuncTypeId,
    ComponentInstanceTypeId, ComponentValType, ResourceId,
};
use wasmparser::types::TypesRef;

use super::contract::Interface;

/// The deepest type that is written out; the host's own have a depth of 8.
const MAX_DEPTH: usize = 32;
/// The longest text of one type, in bytes; the host's longest has 2 KiB.
const MAX_TEXT: usize = 8 * 1024;

/// Writes the types of one component.
pub(super) struct Renderer<'a> {
    types: TypesRef<'a>,
    resources: HashMap<ResourceId, String>,
    text: String,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(types: TypesRef<'a>) -> Self {
        Self { types, resources: HashMap::new(), text: String::new() }
    }

    /// Learns the names of the resources an interface has, so that handles can be written with them.
    pub(super) fn learn(&mut self, item: &ComponentEntityType) {
        if let ComponentEntityType::Instance(id) = item {
            for (name, item) in &self.types[*id].exports {
                if let ComponentEntityType::Type {
                    created: ComponentAnyTypeId::Resource(id), ..
                } = item.ty
                {
                    self.resources.entry(id.resource()).or_insert_with(|| name.clone());
                }
            }
        }
    }

    /// Everything an interface has. Only the functions that are `known` get their types written: one type can be that of
    /// a million functions, and takes kilobytes each time.
    pub(super) fn interface(
        &mut self,
        id: ComponentInstanceTypeId,
        known: impl Fn(&str) -> bool,
    ) -> Interface {
        let mut interface = Interface::default();
        let types = self.types;
        for (name, item) in &types[id].exports {
            match item.ty {
                ComponentEntityType::Func(id) => {
                    let ty = if known(name) { self.function(id) } else { String::new() };
                    interface.functions.insert(name.clone(), ty);
                }
                ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(_), .. } => {
                    interface.resources.push(name.clone());
                }
                ComponentEntityType::Type { .. } => {}
                ComponentEntityType::Module(_)
                | ComponentEntityType::Value(_)
                | ComponentEntityType::Instance(_)
                | ComponentEntityType::Component(_) => {
                    let what = super::check::noun(&item.ty).to_owned();
                    interface.functions.insert(name.clone(), what);
                }
            }
        }
        interface
    }

    /// The type of a function. Parameter names are left out: they do not matter to a call.
    pub(super) fn function(&mut self, id: ComponentFuncTypeId) -> String {
        let types = self.types;
        let function = &types[id];
        self.text.clear();
        self.text.push_str(if function.async_ { "async func(" } else { "func(" });
        self.list(function.params.iter().map(|(_, ty)| ty), 0);
        self.text.push(')');
        if let Some(result) = &function.result {
            self.text.push_str(" -> ");
            self.value(result, 0);
        }
        if self.text.len() > MAX_TEXT {
            self.text.truncate(self.text.floor_char_boundary(MAX_TEXT));
            self.text.push('…');
        }
        std::mem::take(&mut self.text)
    }

    fn value(&mut self, ty: &ComponentValType, depth: usize) {
        match ty {
            ComponentValType::Primitive(primitive) => {
                let _ = write!(self.text, "{primitive}");
            }
            ComponentValType::Type(_) if depth >= MAX_DEPTH || self.text.len() > MAX_TEXT => {
                self.text.push('…');
            }
            ComponentValType::Type(id) => {
                let types = self.types;
                self.defined(&types[*id], depth + 1);
            }
        }
    }

    fn defined(&mut self, ty: &ComponentDefinedType, depth: usize) {
        match ty {
            ComponentDefinedType::Primitive(primitive) => {
                let _ = write!(self.text, "{primitive}");
            }
            ComponentDefinedType::Record(record) => {
                let fields = record.fields.iter().map(|(name, ty)| (name.as_str(), Some(ty)));
                self.named("record", fields, [": ", ""], depth);
            }
            ComponentDefinedType::Variant(variant) => {
                let cases =
                    variant.cases.iter().map(|(name, case)| (name.as_str(), case.ty.as_ref()));
                self.named("variant", cases, ["(", ")"], depth);
            }
            ComponentDefinedType::Flags(names) => {
                self.named(
                    "flags",
                    names.iter().map(|name| (name.as_str(), None)),
                    ["", ""],
                    depth,
                );
            }
            ComponentDefinedType::Enum(names) => {
                self.named("enum", names.iter().map(|name| (name.as_str(), None)), ["", ""], depth);
            }
            ComponentDefinedType::List { element, .. } => self.generic("list", [element], depth),
            ComponentDefinedType::Map { key, value, .. } => {
                self.generic("map", [key, value], depth)
            }
            ComponentDefinedType::FixedLengthList { element, length, .. } => {
                self.generic("list", [element], depth);
                let _ = write!(self.text, "[{length}]");
            }
            ComponentDefinedType::Tuple(tuple) => self.generic("tuple", tuple.types.iter(), depth),
            ComponentDefinedType::Option { ty, .. } => self.generic("option", [ty], depth),
            ComponentDefinedType::Result { ok, err, .. } => {
                self.result(ok.as_ref(), err.as_ref(), depth)
            }
            ComponentDefinedType::Own(id) => self.handle("own", id.resource()),
            ComponentDefinedType::Borrow(id) => self.handle("borrow", id.resource()),
            ComponentDefinedType::Future { ty, .. } => self.generic("future", ty, depth),
            ComponentDefinedType::Stream { ty, .. } => self.generic("stream", ty, depth),
        }
    }

    fn result(
        &mut self,
        ok: Option<&ComponentValType>,
        err: Option<&ComponentValType>,
        depth: usize,
    ) {
        if ok.is_none() && err.is_none() {
            self.text.push_str("result");
            return;
        }
        self.text.push_str("result<");
        match ok {
            Some(ok) => self.value(ok, depth),
            None => self.text.push('_'),
        }
        if let Some(err) = err {
            self.text.push_str(", ");
            self.value(err, depth);
        }
        self.text.push('>');
    }

    fn generic<'t>(
        &mut self,
        name: &str,
        of: impl IntoIterator<Item = &'t ComponentValType>,
        depth: usize,
    ) {
        self.text.push_str(name);
        self.text.push('<');
        self.list(of, depth);
        self.text.push('>');
    }

    fn list<'t>(&mut self, types: impl IntoIterator<Item = &'t ComponentValType>, depth: usize) {
        for (n, ty) in types.into_iter().enumerate() {
            if n > 0 {
                self.text.push_str(", ");
            }
            self.value(ty, depth);
        }
    }

    fn named<'t>(
        &mut self,
        what: &str,
        parts: impl Iterator<Item = (&'t str, Option<&'t ComponentValType>)>,
        [before, after]: [&str; 2],
        depth: usize,
    ) {
        self.text.push_str(what);
        self.text.push_str(" { ");
        for (n, (name, ty)) in parts.enumerate() {
            if self.text.len() > MAX_TEXT {
                break;
            }
            if n > 0 {
                self.text.push_str(", ");
            }
            self.text.push_str(name);
            if let Some(ty) = ty {
                self.text.push_str(before);
                self.value(ty, depth);
                self.text.push_str(after);
            }
        }
        self.text.push_str(" }");
    }

    fn handle(&mut self, how: &str, resource: ResourceId) {
        let name = self.resources.get(&resource).map_or("resource", String::as_str);
        let _ = write!(self.text, "{how}<{name}>");
    }
}
