with counted as (
    select * from {{ ref('int_agent_views__5min') }}
    where views > 0
),

-- as they are parsed today
user_agents as (
    select * from {{ ref('dim_user_agent') }}
),

final as (
    select
        counted.event_date,
        counted.event_hour,
        {{ or_none('user_agents.browser') }} as browser,
        {{ or_none('user_agents.os') }} as os,
        sum(counted.views)::bigint as views,
        coalesce(sum(counted.views_without_crawlers) filter (where user_agents.is_bot is not true), 0)::bigint as human_views
    from counted
    left join user_agents on counted.user_agent_key = user_agents.user_agent_key
    group by 1, 2, 3, 4
)

select * from final
