{#
    A key for a text of any length: 16 bytes of md5. A btree takes texts of up to 2,704 bytes and then fails the model for ever.
#}
{% macro text_key(text) -%}
    md5({{ text }})::uuid
{%- endmacro %}

{# How a grain column without a value shows, so that sums agree across marts. #}
{% macro or_none(text) -%}
    coalesce({{ text }}, '(none)')
{%- endmacro %}
