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
        -- of the budget today: a campaign that is loaded or raised after its clicks shows at once. Not by a window: a filter by
        -- day would then read all days of all campaigns, where this reads those of the campaigns that it shows
        (
            select sum(days_before.spend) from {{ ref('int_campaign_tracks__daily') }} as days_before
            where daily.campaign_id = days_before.campaign_id and daily.event_date >= days_before.event_date
        ) / nullif(campaigns.budget_total, 0) as budget_used
    from daily
    left join campaigns on daily.campaign_id = campaigns.campaign_id
)

select * from final
