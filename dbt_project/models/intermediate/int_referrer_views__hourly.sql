{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date', 'event_hour', 'referrer_key'],
    indexes=[{'columns': ['event_date', 'referrer_key']}],
    meta={'event_day': 'event_date'},
) }}

with new_views as (
    select * from {{ ref('fct_product_events') }}
    where is_view and {{ new_loads('product_views') }}
),

touched as (
    select distinct
        {{ reporting_hour('event_at') }} as hour_start,
        referrer_key
    from new_views
),

readable_views as (
    select * from {{ ref('fct_product_events') }}
    where is_view and is_production and {{ readable_loads('product_views') }}
),

final as (
    select
        touched.hour_start::date as event_date,
        extract(hour from touched.hour_start)::integer as event_hour,
        touched.referrer_key,
        count(readable_views.event_key) as views,
        count(readable_views.event_key) filter (where not readable_views.is_bot) as human_views
    from touched
    left join readable_views
        on
            touched.hour_start = {{ reporting_hour('readable_views.event_at') }}
            and touched.referrer_key = readable_views.referrer_key
    group by 1, 2, 3
)

select * from final
