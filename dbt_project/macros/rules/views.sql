{# Whether an event type counts as a view of a product: var view_event_types. #}
{% macro is_view(event_type) -%}
    coalesce(
        {{ event_type }} in (
            {%- for name in var('view_event_types') %}
            '{{ name }}' {{- ',' if not loop.last }}
            {%- endfor %}
        ),
        false
    )
{%- endmacro %}
