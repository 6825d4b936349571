with daily as (
    select * from {{ ref('int_campaign_tracks__daily') }}
),

campaigns as (
    select * from {{ ref('dim_campaign') }}
),

final as (
    select
        daily.event_date,
        daily.campaign_id,
        {{ job_ratios('daily') }},
        -- of the budget today: a campaign that is loaded or raised after its clicks shows at once
        sum(daily.spend) over (partition by daily.campaign_id order by daily.event_date)
        / nullif(campaigns.budget_total, 0) as budget_used
    from daily
    left join campaigns on daily.campaign_id = campaigns.campaign_id
)

select * from final
