//! Protobuf messages as JSON Schema, by the protobuf JSON mapping with `snake_case` names.

use std::collections::BTreeMap;

use anyhow::Context as _;
use learnflow_proto::DESCRIPTORS;
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use utoipa::openapi::{
    KnownFormat, Object, Ref, RefOr, Schema, SchemaFormat, Type,
    schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, SchemaType},
};

const PACKAGE: &str = "learnflow.v1";

/// Which way a message travels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Lists and messages may be left out, unknown fields are refused.
    Request,
    /// Everything but `optional` fields is there.
    Response,
}

/// The schemas of the messages referred to so far.
pub struct Schemas {
    pool: DescriptorPool,
    schemas: BTreeMap<String, (Direction, RefOr<Schema>)>,
}

impl Schemas {
    pub fn new() -> anyhow::Result<Self> {
        let pool = DescriptorPool::decode(DESCRIPTORS).context("cannot read the protobuf descriptors")?;
        Ok(Self { pool, schemas: BTreeMap::new() })
    }

    /// The schemas by name.
    pub fn finish(self) -> impl Iterator<Item = (String, RefOr<Schema>)> {
        self.schemas.into_iter().map(|(name, (_, schema))| (name, schema))
    }

    /// An RPC by `Service/Method`.
    pub fn rpc(&self, name: &str) -> anyhow::Result<MethodDescriptor> {
        let (service, method) = name.split_once('/').with_context(|| format!("{name} is not Service/Method"))?;
        let service = self.pool.get_service_by_name(&format!("{PACKAGE}.{service}"));
        service
            .and_then(|service| service.methods().find(|candidate| candidate.name() == method))
            .with_context(|| format!("{PACKAGE} has no RPC {name}"))
    }

    pub fn message(&self, name: &str) -> anyhow::Result<MessageDescriptor> {
        let name = format!("{PACKAGE}.{name}");
        self.pool.get_message_by_name(&name).with_context(|| format!("there is no message {name}"))
    }

    /// A reference to a message, which becomes one of the schemas.
    pub fn reference(&mut self, message: &MessageDescriptor, direction: Direction) -> anyhow::Result<Ref> {
        self.reference_without(message, direction, &[])
    }

    /// As `reference`; the fields left out travel elsewhere.
    pub fn reference_without(
        &mut self,
        message: &MessageDescriptor,
        direction: Direction,
        left_out: &[&str],
    ) -> anyhow::Result<Ref> {
        let name = message.name();
        if let Some((earlier, _)) = self.schemas.get(name) {
            anyhow::ensure!(*earlier == direction, "{name} is in requests and in responses: give each its own message");
            return Ok(Ref::from_schema_name(name));
        }
        // Messages may contain themselves: the name is taken before the fields are looked at.
        self.schemas.insert(name.to_owned(), (direction, Object::new().into()));
        let mut object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(comment(message.parent_file_descriptor_proto(), message.path()));
        if direction == Direction::Request {
            object = object.additional_properties(Some(AdditionalProperties::FreeForm(false)));
        }
        for field in message.fields().filter(|field| !left_out.contains(&field.name())) {
            let description = describe(&field);
            object = object.property(field.name(), self.field(&field, direction, description)?);
            if is_required(&field, direction) {
                object = object.required(field.name());
            }
        }
        self.schemas.insert(name.to_owned(), (direction, object.into()));
        Ok(Ref::from_schema_name(name))
    }

    /// A field's value.
    pub fn field(
        &mut self,
        field: &FieldDescriptor,
        direction: Direction,
        description: Option<String>,
    ) -> anyhow::Result<RefOr<Schema>> {
        if let Kind::Message(entry) = field.kind()
            && field.is_map()
        {
            let value = self.value(&entry.map_entry_value_field().kind(), direction, None)?;
            let map = ObjectBuilder::new().schema_type(Type::Object).description(description);
            return Ok(map.additional_properties(Some(value)).into());
        }
        if field.is_list() {
            let item = self.value(&field.kind(), direction, None)?;
            return Ok(ArrayBuilder::new().items(item).description(description).into());
        }
        self.value(&field.kind(), direction, description)
    }

    fn value(
        &mut self,
        kind: &Kind,
        direction: Direction,
        description: Option<String>,
    ) -> anyhow::Result<RefOr<Schema>> {
        let known =
            |kind, format| ObjectBuilder::new().schema_type(kind).format(Some(SchemaFormat::KnownFormat(format)));
        let scalar = match kind {
            Kind::String => ObjectBuilder::new().schema_type(Type::String),
            Kind::Bool => ObjectBuilder::new().schema_type(Type::Boolean),
            Kind::Double => known(Type::Number, KnownFormat::Double),
            Kind::Float => known(Type::Number, KnownFormat::Float),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => known(Type::Integer, KnownFormat::Int32),
            Kind::Uint32 | Kind::Fixed32 => ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::Custom("uint32".to_owned())))
                .minimum(Some(0)),
            // JSON numbers do not hold 64 bits everywhere.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => known(Type::String, KnownFormat::Int64),
            Kind::Uint64 | Kind::Fixed64 => {
                ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::Custom("uint64".to_owned())))
            }
            Kind::Bytes => known(Type::String, KnownFormat::Byte),
            Kind::Enum(words) => {
                let names: Vec<_> = words.values().map(|value| value.name().to_owned()).collect();
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names))
            }
            Kind::Message(message) => match message.full_name() {
                "google.protobuf.Timestamp" => known(Type::String, KnownFormat::DateTime),
                "google.protobuf.Struct" => ObjectBuilder::new()
                    .schema_type(Type::Object)
                    .additional_properties(Some(AdditionalProperties::FreeForm(true))),
                "google.protobuf.Value" => ObjectBuilder::new().schema_type(SchemaType::AnyValue),
                name if name.starts_with("google.protobuf.") => {
                    anyhow::bail!("{name} has a JSON form of its own: say here what it is")
                }
                _ => {
                    let mut reference = self.reference(message, direction)?;
                    reference.description = description.unwrap_or_default();
                    return Ok(reference.into());
                }
            },
        };
        Ok(scalar.description(description).into())
    }
}

/// Whether a message is not valid without the field.
pub fn is_required(field: &FieldDescriptor, direction: Direction) -> bool {
    let may_be_absent = field.containing_oneof().is_some();
    match direction {
        // An absent list is an empty one.
        Direction::Request => !may_be_absent && !field.is_list() && !matches!(field.kind(), Kind::Message(_)),
        Direction::Response => !may_be_absent,
    }
}

/// The comment above a field.
pub fn describe(field: &FieldDescriptor) -> Option<String> {
    comment(field.parent_message().parent_file_descriptor_proto(), field.path())
}

/// The comment above an RPC.
pub fn describe_rpc(rpc: &MethodDescriptor) -> Option<String> {
    comment(rpc.parent_file().file_descriptor_proto(), rpc.path())
}

fn comment(file: &prost_reflect::prost_types::FileDescriptorProto, path: &[i32]) -> Option<String> {
    let location = file.source_code_info.as_ref()?.location.iter().find(|location| location.path == path)?;
    let lines: Vec<_> = location.leading_comments().lines().map(str::trim).collect();
    Some(lines.join("\n").trim().to_owned()).filter(|comment| !comment.is_empty())
}
