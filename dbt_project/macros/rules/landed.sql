{#
    A field of an event as it was sent. A field that the contract learned later stands in `extra` in older rows.
    An empty text is no value, and neither is `(none)`, as which marts show that there is none (macro or_none): what shows alike has
    one key and is counted together, and a device that calls itself so is not the visitor of all events that name no device.
    `column`: its column, where the contract gives it one of another name (physicalName).
#}
{% macro landed(field, column=none) -%}
    nullif(nullif(coalesce({{ quoted_name(column or field) }}, extra ->> {{ text_literal(field) }}), ''), '(none)')
{%- endmacro %}

{#
    A text inside an object that a field holds, by its path, name by name: `{"meta": {"at": "…"}}` by ['meta', 'at']. Null where there is
    none, and where the field holds no object. `text`: the field, as landed gives it.
#}
{% macro landed_member(text, path) -%}
    {%- set names = [] -%}
    {%- for name in path -%}{%- do names.append(text_literal(name)) -%}{%- endfor -%}
    case when {{ is_json(text) }} then {{ value_or_null("(" ~ text ~ ")::json #>> array[" ~ names | join(', ') ~ "]") }} end
{%- endmacro %}

{# The same for a text inside a field. #}
{% macro value_or_null(text) -%}
    nullif(nullif({{ text }}, ''), '(none)')
{%- endmacro %}
