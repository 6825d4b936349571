{#
    A field of an event as it was sent. A field that the contract learned later stands in `extra` in older rows.
    An empty text is no value.
#}
{% macro landed(field) -%}
    nullif(coalesce("{{ field }}", extra ->> '{{ field }}'), '')
{%- endmacro %}
