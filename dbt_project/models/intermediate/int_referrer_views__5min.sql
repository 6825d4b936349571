{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['window_start', 'referrer_key'],
    indexes=[{'columns': ['event_date', 'referrer_key']}],
    meta={'event_day': 'event_date'},
) }}

{{ views_of_touched_windows('referrer_key', {'is_bot': 'readable_views.is_bot'}) }},

final as (
    select
        window_start,
        event_date,
        event_hour,
        referrer_key,
        count(is_bot) as views,
        count(*) filter (where not is_bot) as human_views
    from views
    group by 1, 2, 3, 4
)

select * from final
