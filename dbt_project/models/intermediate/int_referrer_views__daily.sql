{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date', 'referrer_key'],
    meta={'event_day': 'event_date'},
) }}

with new_views as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_view and {{ new_loads('product_views') }}
),

touched as (
    select distinct
        {{ reporting_day('event_at') }} as event_date,
        referrer_key
    from new_views
),

windows as (
    select * from {{ ref('int_referrer_views__5min') }}
),

referrers as (
    select * from {{ ref('int_referrers') }}
),

final as (
    select
        touched.event_date,
        touched.referrer_key,
        -- beside the counts, so that the view need not look up each of a day's pages; it shows no queries
        {{ page_of_url('referrers.referrer_url') }} as referrer_url,
        referrers.referrer_host_key,
        referrers.referrer_host,
        coalesce(sum(windows.views), 0)::bigint as views,
        coalesce(sum(windows.human_views), 0)::bigint as human_views
    from touched
    left join windows on touched.event_date = windows.event_date and touched.referrer_key = windows.referrer_key
    left join referrers on touched.referrer_key = referrers.referrer_key
    group by 1, 2, 3, 4, 5
)

select * from final
