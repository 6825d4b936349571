{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date', 'event_hour', 'product_key'],
    indexes=[{'columns': ['event_date', 'product_key']}],
) }}

with views as (
    select * from {{ ref('fct_product_events') }}
    where is_view and is_production
),

touched as (
    select distinct {{ reporting_hour('event_at') }} as hour_start, product_key
    from views
    where {{ new_loads('product_views') }}
),

readable_views as (
    select * from views
    where {{ readable_loads('product_views') }}
),

counted as (
    select
        touched.hour_start,
        touched.product_key,
        {{ text_key(or_none('readable_views.device_id')) }} as device_key,
        {{ or_none('min(readable_views.product_id)') }} as product_id,
        bool_or(readable_views.device_id is not null) as is_visitor,
        count(*) as views,
        count(*) filter (where not readable_views.is_bot) as human_views,
        count(*) filter (where readable_views.is_from_future) as future_views
    from touched
    inner join readable_views
        on
            touched.hour_start = {{ reporting_hour('readable_views.event_at') }}
            and touched.product_key = readable_views.product_key
    group by 1, 2, 3
),

final as (
    select
        touched.hour_start::date as event_date,
        extract(hour from touched.hour_start)::integer as event_hour,
        touched.product_key,
        counted.device_key,
        counted.product_id,
        counted.is_visitor,
        counted.views,
        counted.human_views,
        counted.future_views
    from touched
    left join counted on touched.hour_start = counted.hour_start and touched.product_key = counted.product_key
)

select * from final
