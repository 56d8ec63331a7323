"""The XML schema, made from the table of fields.  What it allows is what the format `xml` reads: no more, and in this order."""

from __future__ import annotations

from collections.abc import Iterator

from stashport.model.fields import FORMAT_VERSION, KINDS
from stashport.model.table import Field

ROOT = "stashport"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
ITEMS = {"texts": "text", "times": "text", "refs": "reference"}

_HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- The XML exports of Stash Port, format version {FORMAT_VERSION}.  Made from the table of fields: do not change it by hand. -->
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="unqualified">
 <xs:annotation>
  <xs:documentation>
   An element that is not there was not told by the source; one with xsi:nil="true" is told to have no value; a list without items is an empty list.
   With escaped="true", \\uXXXX in a text stands for the character of that number, which XML cannot hold, and \\\\ for a backslash;
   without it a backslash is a backslash.
  </xs:documentation>
 </xs:annotation>
"""
_TYPES = """ <xs:simpleType name="truth"><xs:restriction base="xs:boolean"><xs:pattern value="true|false"/></xs:restriction></xs:simpleType>
 <xs:simpleType name="whole"><xs:restriction base="xs:integer"><xs:pattern value="-?[0-9]+"/></xs:restriction></xs:simpleType>
 <xs:simpleType name="number"><xs:restriction base="xs:double"><xs:pattern value="-?[0-9]+([.][0-9]+)?([eE][+\\-]?[0-9]+)?"/></xs:restriction></xs:simpleType>
 <xs:complexType name="text">
  <xs:simpleContent><xs:extension base="xs:string"><xs:attribute name="escaped" type="truth"/></xs:extension></xs:simpleContent>
 </xs:complexType>
 <xs:complexType name="reference"><xs:simpleContent><xs:extension base="text"/></xs:simpleContent></xs:complexType>
 <xs:simpleType name="json"><xs:restriction base="xs:string"/></xs:simpleType>
 <xs:complexType name="texts"><xs:sequence><xs:element name="item" type="text" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>
 <xs:complexType name="references"><xs:sequence><xs:element name="item" type="reference" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>
 <xs:complexType name="value">
  <xs:simpleContent>
   <xs:extension base="text">
    <xs:attribute name="type">
     <xs:simpleType>
      <xs:restriction base="xs:string"><xs:enumeration value="int"/><xs:enumeration value="float"/><xs:enumeration value="json"/></xs:restriction>
     </xs:simpleType>
    </xs:attribute>
   </xs:extension>
  </xs:simpleContent>
 </xs:complexType>
 <xs:complexType name="map">
  <xs:sequence>
   <xs:element name="entry" minOccurs="0" maxOccurs="unbounded">
    <xs:complexType><xs:sequence><xs:element name="key" type="text"/><xs:element name="value" type="value"/></xs:sequence></xs:complexType>
   </xs:element>
  </xs:sequence>
 </xs:complexType>
"""
_NAMES = {
    "int": "whole", "float": "number", "bool": "truth", "ref": "reference", "refs": "references", "json": "json", "map": "map", "texts": "texts",
    "times": "texts",
}


def schema() -> str:
    """The schema of all exports in XML, as shipped in library.xsd."""
    return "".join(_parts())


def _parts() -> Iterator[str]:
    yield _HEAD
    yield f' <xs:element name="{ROOT}">\n  <xs:complexType>\n   <xs:sequence>\n    <xs:element name="header" type="json"/>\n'
    for kind in KINDS:
        yield f'    <xs:element name="{kind.plural}" minOccurs="0">\n     <xs:complexType>\n      <xs:sequence>\n'
        yield f'       <xs:element name="{kind.name}" type="{kind.name}" minOccurs="0" maxOccurs="unbounded"/>\n'
        yield "      </xs:sequence>\n     </xs:complexType>\n    </xs:element>\n"
    yield '    <xs:element name="counts">\n     <xs:complexType>\n      <xs:sequence>\n'
    for kind in KINDS:
        yield f'       <xs:element name="{kind.plural}" type="whole" minOccurs="0"/>\n'
    yield "      </xs:sequence>\n     </xs:complexType>\n    </xs:element>\n   </xs:sequence>\n"
    yield '   <xs:attribute name="format_version" type="xs:positiveInteger" use="required"/>\n  </xs:complexType>\n </xs:element>\n'
    for kind in KINDS:
        yield from _object(kind.name, kind.fields, record=True)
    yield _TYPES
    yield "</xs:schema>\n"


def _object(name: str, fields: tuple[Field, ...], *, record: bool) -> Iterator[str]:
    yield f' <xs:complexType name="{name}">\n  <xs:sequence>\n'
    for field in fields:
        if field.type == "rows":
            yield f'   <xs:element name="{field.name}" minOccurs="0" nillable="true">\n    <xs:complexType>\n     <xs:sequence>\n'
            yield f'      <xs:element name="row" type="{name}.{field.name}" minOccurs="0" maxOccurs="unbounded"/>\n'
            yield "     </xs:sequence>\n    </xs:complexType>\n   </xs:element>\n"
        else:
            yield f'   <xs:element name="{field.name}" type="{_NAMES.get(field.type, "text")}" minOccurs="0" nillable="true"/>\n'
    yield "  </xs:sequence>\n"
    if record:
        yield '  <xs:attribute name="id" type="xs:string" use="required"/>\n  <xs:attribute name="escaped" type="truth"/>\n'
    yield " </xs:complexType>\n"
    for field in fields:
        if field.type == "rows":
            yield from _object(f"{name}.{field.name}", field.fields, record=False)
