{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date', 'event_hour', 'referrer_key'],
    indexes=[{'columns': ['event_date', 'referrer_key']}],
    meta={'event_day': 'event_date'},
) }}

with new_views as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_view and {{ new_loads('product_views') }}
),

touched as (
    select distinct
        {{ reporting_hour('event_at') }} as hour_start,
        referrer_key
    from new_views
),

readable_views as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_view and is_production and {{ readable_loads('product_views') }}
),

-- an inner join: of rows on the outer side of one, Postgres would work out the rules for all of history first
views as (
    select
        touched.hour_start,
        touched.referrer_key,
        readable_views.is_bot
    from touched
    inner join readable_views
        on
            touched.hour_start = {{ reporting_hour('readable_views.event_at') }}
            and touched.referrer_key = readable_views.referrer_key
    union all
    -- a bucket in which nothing counts any more
    select
        hour_start,
        referrer_key,
        null as is_bot
    from touched
),

final as (
    select
        hour_start::date as event_date,
        extract(hour from hour_start)::integer as event_hour,
        referrer_key,
        count(is_bot) as views,
        count(*) filter (where not is_bot) as human_views
    from views
    group by 1, 2, 3
)

select * from final
