{#
    A field of an event as it was sent. A field that the contract learned later stands in `extra` in older rows.
    An empty text is no value, and neither is `(none)`, as which marts show that there is none (macro or_none): what shows alike has
    one key and is counted together, and a device that calls itself so is not the visitor of all events that name no device.
#}
{% macro landed(field) -%}
    nullif(nullif(coalesce("{{ field }}", extra ->> '{{ field }}'), ''), '(none)')
{%- endmacro %}

{# The same for a text inside a field. #}
{% macro value_or_null(text) -%}
    nullif(nullif({{ text }}, ''), '(none)')
{%- endmacro %}
