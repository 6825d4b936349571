{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['window_start', 'user_agent_key'],
    indexes=[{'columns': ['event_date']}],
    meta={'event_day': 'event_date'},
) }}

{{ views_of_touched_windows('user_agent_key', {'is_crawler': is_crawler_resolution('readable_views.resolution')}) }},

-- whether the agent is a bot's is asked when this is read: a newer parser changes no row
final as (
    select
        window_start,
        event_date,
        event_hour,
        user_agent_key,
        count(is_crawler) as views,
        count(*) filter (where not is_crawler) as views_without_crawlers
    from views
    group by 1, 2, 3, 4
)

select * from final
