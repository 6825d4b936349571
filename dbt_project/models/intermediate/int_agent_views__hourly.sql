{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date', 'event_hour', 'user_agent_key'],
    meta={'event_day': 'event_date'},
) }}

with new_views as (
    select * from {{ ref('fct_product_events') }}
    where is_view and {{ new_loads('product_views') }}
),

touched as (
    select distinct
        {{ reporting_hour('event_at') }} as hour_start,
        user_agent_key
    from new_views
),

readable_views as (
    select * from {{ ref('fct_product_events') }}
    where is_view and is_production and {{ readable_loads('product_views') }}
),

-- whether the agent is a bot's is asked when this is read: a newer parser changes no row
final as (
    select
        touched.hour_start::date as event_date,
        extract(hour from touched.hour_start)::integer as event_hour,
        touched.user_agent_key,
        count(readable_views.event_key) as views,
        count(readable_views.event_key) filter (
            where not {{ is_crawler_resolution('readable_views.resolution') }}
        ) as views_without_crawlers
    from touched
    left join readable_views
        on
            touched.hour_start = {{ reporting_hour('readable_views.event_at') }}
            and touched.user_agent_key = readable_views.user_agent_key
    group by 1, 2, 3
)

select * from final
