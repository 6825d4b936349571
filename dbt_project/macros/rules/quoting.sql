{# A text as a literal, and the name of a column, which may be any text too. #}
{% macro text_literal(text) -%} '{{ (text | string).replace("'", "''") }}' {%- endmacro %}

{% macro quoted_name(column) -%} "{{ (column | string).replace('"', '""') }}" {%- endmacro %}
