{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['window_start', 'product_key'],
    indexes=[{'columns': ['event_date', 'product_key', 'event_hour']}],
    meta={'event_day': 'event_date'},
) }}

with new_views as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_view and {{ new_loads('product_views') }}
),

touched as (
    select distinct
        {{ five_minutes('event_at') }} as window_start,
        product_key
    from new_views
),

-- not one CTE with new_views: Postgres would write one that is read twice to disk, whole
readable_views as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_view and is_production and {{ readable_loads('product_views') }}
),

-- an inner join: of rows on the outer side of one, Postgres would work out the rules for all of history first
counted as (
    select
        touched.window_start,
        touched.product_key,
        readable_views.device_key,
        bool_or(readable_views.device_id is not null) as is_visitor,
        count(*) as views,
        count(*) filter (where not readable_views.is_bot) as human_views
    from touched
    inner join readable_views
        on
            touched.window_start = {{ five_minutes('readable_views.event_at') }}
            and touched.product_key = readable_views.product_key
    group by 1, 2, 3
    union all
    -- a bucket without rows
    select
        window_start,
        product_key,
        null as device_key,
        null as is_visitor,
        null as views,
        null as human_views
    from touched
),

final as (
    select
        window_start,
        {{ reporting_day('window_start') }} as event_date,
        extract(hour from {{ reporting_hour('window_start') }})::integer as event_hour,
        product_key,
        device_key,
        is_visitor,
        views,
        human_views
    from counted
)

select * from final
