{# Whether an event type counts as a view of a product: var view_event_types. In this form it also fits the facts' partial indexes. #}
{% macro is_view(event_type) -%}
    (
        {{ event_type }} is not null
        and {{ event_type }} in (
            {%- for name in var('view_event_types') %}
            '{{ name }}' {{- ',' if not loop.last }}
            {%- endfor %}
        )
    )
{%- endmacro %}
