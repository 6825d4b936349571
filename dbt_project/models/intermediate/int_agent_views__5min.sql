{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['window_start', 'user_agent_key'],
    indexes=[{'columns': ['event_date']}],
    meta={'event_day': 'event_date'},
) }}

with new_views as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_view and {{ new_loads('product_views') }}
),

touched as (
    select distinct
        {{ five_minutes('event_at') }} as window_start,
        user_agent_key
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
        touched.user_agent_key,
        {{ is_crawler_resolution('readable_views.resolution') }} as is_crawler
    from touched
    inner join readable_views
        on
            touched.window_start = {{ five_minutes('readable_views.event_at') }}
            and touched.user_agent_key = readable_views.user_agent_key
    union all
    -- a bucket in which nothing counts any more
    select
        window_start,
        user_agent_key,
        null as is_crawler
    from touched
),

-- whether the agent is a bot's is asked when this is read: a newer parser changes no row
final as (
    select
        window_start,
        {{ reporting_day('window_start') }} as event_date,
        extract(hour from {{ reporting_hour('window_start') }})::integer as event_hour,
        user_agent_key,
        count(is_crawler) as views,
        count(*) filter (where not is_crawler) as views_without_crawlers
    from views
    group by 1, 2, 3, 4
)

select * from final
