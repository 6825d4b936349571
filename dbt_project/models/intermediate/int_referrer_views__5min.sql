{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['window_start', 'referrer_key'],
    indexes=[{'columns': ['event_date', 'referrer_key']}],
    meta={'event_day': 'event_date'},
) }}

with new_views as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_view and {{ new_loads('product_views') }}
),

touched as (
    select distinct
        {{ five_minutes('event_at') }} as window_start,
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
        touched.window_start,
        touched.referrer_key,
        readable_views.is_bot
    from touched
    inner join readable_views
        on
            touched.window_start = {{ five_minutes('readable_views.event_at') }}
            and touched.referrer_key = readable_views.referrer_key
    union all
    -- a bucket in which nothing counts any more
    select
        window_start,
        referrer_key,
        null as is_bot
    from touched
),

final as (
    select
        window_start,
        {{ reporting_day('window_start') }} as event_date,
        extract(hour from {{ reporting_hour('window_start') }})::integer as event_hour,
        referrer_key,
        count(is_bot) as views,
        count(*) filter (where not is_bot) as human_views
    from views
    group by 1, 2, 3, 4
)

select * from final
