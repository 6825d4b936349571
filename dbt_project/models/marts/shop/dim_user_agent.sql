with user_agents as (
    select * from {{ source('enrichment', 'user_agent') }}
),

final as (
    select
        user_agent_key,
        user_agent,
        browser,
        browser_version,
        os,
        os_version,
        device,
        is_bot,
        bot_class,
        bot_reason
    from user_agents
)

select * from final
