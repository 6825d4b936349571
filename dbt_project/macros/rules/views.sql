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


{#
    The views of every five-minute window and `key` (user_agent_key, referrer_key, product_key) that new events touch, as the CTE `views`
    at the beginning of a model: window_start, event_date, event_hour, the key and `columns`, {name: SQL over readable_views}. Each
    window and key comes once more with nulls, as a bucket in which nothing counts any more: count a column that no view lacks.
#}
{% macro views_of_touched_windows(key, columns) -%}
with new_views as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_view and {{ new_loads('product_views') }}
),

touched as (
    select distinct
        {{ five_minutes('event_at') }} as window_start,
        {{ key }}
    from new_views
),

-- not one CTE with new_views: Postgres would write one that is read twice to disk, whole
readable_views as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_view and is_production and {{ readable_loads('product_views') }}
),

-- an inner join: of rows on the outer side of one, Postgres would work out the rules for all of history first
with_nulls as (
    select
        touched.window_start,
        touched.{{ key }}
        {%- for name, expression in columns.items() %},
        {{ expression }} as {{ name }}
        {%- endfor %}
    from touched
    inner join readable_views
        on
            touched.window_start = {{ five_minutes('readable_views.event_at') }}
            and touched.{{ key }} = readable_views.{{ key }}
    union all
    select
        window_start,
        {{ key }}
        {%- for name in columns %},
        null as {{ name }}
        {%- endfor %}
    from touched
),

views as (
    select
        window_start,
        {{ reporting_day('window_start') }} as event_date,
        extract(hour from {{ reporting_hour('window_start') }})::integer as event_hour,
        {{ key }}
        {%- for name in columns %},
        {{ name }}
        {%- endfor %}
    from with_nulls
)
{%- endmacro %}
